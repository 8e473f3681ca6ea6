import { checkContextName, readContext, writeContext } from "../../client/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { endpointFlag, readEndpoint } from "../context-endpoint.ts";
import { string } from "../flags.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTEXT",
  count: exactly(1),
  completes: "contexts",
  flags: {
    description: string("What the context is for"),
    docker: endpointFlag,
  },
  async run(context, { flags, changed, args: [name = ""] }) {
    const { configDirectory } = context;
    checkContextName(name);
    const before = await readContext(configDirectory, name);
    const made = changed.has("docker") ? await readEndpoint(configDirectory, flags.docker) : undefined;
    const after = {
      ...before,
      Metadata: flags.description === "" ? before.Metadata : { ...before.Metadata, Description: flags.description },
      Endpoints: made === undefined ? before.Endpoints : { ...before.Endpoints, docker: made.endpoint },
    };
    await writeContext(configDirectory, after, made?.tls ?? {});
    context.io.out(`${name}\n`);
    context.io.err(`Successfully updated context "${name}"\n`);
  },
});
