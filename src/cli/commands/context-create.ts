import {
  checkContextName,
  type Context as StoredContext,
  parseHost,
  readContext,
  readTextFile,
  resolveEndpoint,
  writeContext,
} from "../../client/index.ts";
import { type Context, defineCommand, exactly } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { type Flag, splitCsv, string } from "../flags.ts";

const endpointFlag: Flag<Readonly<Record<string, string>>> = {
  type: "stringToString",
  help: "Where the engine is: host=…,ca=…,cert=…,key=…,skip-tls-verify=…, or from=CONTEXT",
  shownDefault: "[]",
  initial: {},
  parse: (text, before) => ({
    ...before,
    ...Object.fromEntries(
      splitCsv(text).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    ),
  }),
};

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
    checkContextName(name);
    const exists = await readContext(configDirectory, name).then(
      () => true,
      () => false,
    );
    if (exists) throw new CliError(`context "${name}" already exists`);
    const source = flags.docker["from"] ?? flags.from;
    const copied = source === "" ? undefined : await readContext(configDirectory, source);
    const { host } = changed.has("docker") ? flags.docker : await currentHost(context);
    const made: StoredContext = {
      Name: name,
      Metadata: flags.description === "" ? (copied?.Metadata ?? {}) : { Description: flags.description },
      Endpoints: copied?.Endpoints ?? {
        docker: { Host: validHost(host), SkipTLSVerify: flags.docker["skip-tls-verify"] === "true" },
      },
    };
    await writeContext(configDirectory, made, await tlsFiles(flags.docker));
    context.io.out(`${name}\n`);
    context.io.err(`Successfully created context "${name}"\n`);
  },
});

/** Without `--docker` and `--from` a context is made of what is in use. */
async function currentHost(context: Context): Promise<{ host?: string }> {
  const settings = await context.endpointSettings();
  return { host: (await resolveEndpoint(settings)).host };
}

function validHost(host: string | undefined): string {
  if (host === undefined) throw new CliError("unable to create docker endpoint config: host is required");
  try {
    parseHost(host);
    return host;
  } catch (error) {
    throw new CliError(`unable to create docker endpoint config: ${messageOf(error)}`);
  }
}

async function tlsFiles(docker: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const part of ["ca", "cert", "key"]) {
    const path = docker[part];
    if (path === undefined) continue;
    const text = await readTextFile(path);
    if (text === undefined)
      throw new CliError(`unable to create docker endpoint config: open ${path}: no such file or directory`);
    files[`${part}.pem`] = text;
  }
  return files;
}
