import { type Context as StoredContext, readContext, readContextTls } from "../../client/index.ts";
import { between, defineCommand } from "../command.ts";
import { packContext } from "../context-archive.ts";
import { CliError } from "../errors.ts";
import { createNew } from "../files.ts";
import { defaultHost } from "../context-notes.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  description: "Write a context as a tar archive, to a file or to standard output.",
  count: between(1, 2),
  completes: "contexts",
  flags: {},
  async run(context, { args: [name = "", file = `${name}.dockercontext`] }) {
    const { io, configDirectory } = context;
    const stored: StoredContext =
      name === "default"
        ? {
            Name: name,
            Metadata: {},
            Endpoints: { docker: { Host: defaultHost(await context.endpointSettings()), SkipTLSVerify: false } },
          }
        : await readContext(configDirectory, name);
    const archive = packContext(stored, name === "default" ? {} : await readContextTls(configDirectory, name));
    if (file === "-") {
      if (await io.isTerminal(1)) throw new CliError("cowardly refusing to export to a terminal, specify a file path");
      await io.writeOut(archive);
      return;
    }
    await createNew(file, archive);
    io.err(`Written file ${JSON.stringify(file)}\n`);
  },
});
