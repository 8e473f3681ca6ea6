import {
  checkNewContext,
  type ContextTls,
  type Context as StoredContext,
  readContext,
  readContextTls,
  resolveEndpoint,
  writeContext,
} from "../../client/index.ts";
import { type Context, defineCommand, exactly } from "../command.ts";
import { endpointFlag, readEndpoint } from "../context-endpoint.ts";
import { CliError } from "../errors.ts";
import { string } from "../flags.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTEXT",
  count: exactly(1),
  flags: {
    description: string("What the context is for"),
    docker: endpointFlag,
    from: string("Copy this context"),
  },
  async run(context, { flags, changed, args: [name = ""] }) {
    const { configDirectory } = context;
    await checkNewContext(configDirectory, name);
    if (flags.from !== "" && changed.has("docker")) throw new CliError("cannot use --docker flag when --from is set");
    const { Metadata, Endpoints, tls } = await source();
    const described = flags.description === "" ? Metadata : { ...Metadata, Description: flags.description };
    await writeContext(configDirectory, { Name: name, Metadata: described, Endpoints }, tls);
    context.io.out(`${name}\n`);
    context.io.err(`Successfully created context "${name}"\n`);

    async function source(): Promise<Pick<StoredContext, "Metadata" | "Endpoints"> & { tls: ContextTls }> {
      if (flags.from !== "") {
        const copied = await readContext(configDirectory, flags.from);
        return { ...copied, tls: await readContextTls(configDirectory, flags.from) };
      }
      const made = changed.has("docker") ? await readEndpoint(configDirectory, flags.docker) : await inUse(context);
      return { Metadata: {}, Endpoints: { docker: made.endpoint }, tls: made.tls };
    }
  },
});

/** Without `--docker` and `--from` a context is made of what is in use. */
async function inUse(context: Context): ReturnType<typeof readEndpoint> {
  const { host } = await resolveEndpoint(await context.endpointSettings());
  return { endpoint: { Host: host, SkipTLSVerify: false }, tls: {} };
}
