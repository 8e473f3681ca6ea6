import { contextDirectories, contextName, readContext } from "../../client/index.ts";
import { atLeast, type Context, defineCommand } from "../command.ts";
import { defaultHost } from "../context-notes.ts";
import { printInspected } from "../inspect-output.ts";
import { inspectFormatFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  count: atLeast(0),
  completes: "contexts",
  flags: { format: inspectFormatFlag },
  async run(context, { flags, args }) {
    const names = args.length > 0 ? args : [contextName(await context.endpointSettings())];
    await printInspected(context.io, names, flags.format, (name) => describe(context, name), true);
  },
});

async function describe(context: Context, name: string): Promise<unknown> {
  const settings = await context.endpointSettings();
  if (name === "default") {
    return {
      Name: name,
      Metadata: {},
      Endpoints: {
        docker: { Host: defaultHost(settings), SkipTLSVerify: false },
      },
      TLSMaterial: {},
      Storage: { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" },
    };
  }
  const { Metadata, Endpoints } = await readContext(context.configDirectory, name);
  const { meta, tls } = await contextDirectories(context.configDirectory, name);
  const { readdir } = await import("node:fs/promises");
  const files = await readdir(`${tls}/docker`).catch(() => []);
  return {
    Name: name,
    Metadata,
    Endpoints,
    TLSMaterial: files.length === 0 ? {} : { docker: files.toSorted(compareNames) },
    Storage: { MetadataPath: meta, TLSPath: tls },
  };
}

function compareNames(left: string, right: string): number {
  return left < right ? -1 : 1;
}
