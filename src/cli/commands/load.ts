import { progress } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool, strings, string } from "../flags.ts";
import { fileChunks } from "../files.ts";
import { platformsJson } from "../platform.ts";
import { ProgressDisplay } from "../progress-display.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  completes: "files",
  flags: {
    input: string("Read this file, not standard input", { short: "i" }),
    platform: strings("Load the variant of this platform only (os[/arch[/variant]])"),
    quiet: bool("Do not show how it goes", { short: "q" }),
  },
  async run(context, { flags }) {
    const { io } = context;
    if (flags.input === "" && (await io.isTerminal(0)))
      throw new CliError("requested load from stdin, but stdin is empty");
    const body = flags.input === "" ? io.stdin() : await fileChunks(flags.input);
    const response = await (
      await context.client()
    ).request("POST", "/images/load", {
      query: { quiet: flags.quiet || !(await io.isTerminal(1)), platform: platformsJson(flags.platform) },
      headers: { "Content-Type": "application/x-tar" },
      body,
    });
    const terminal = (await io.isTerminal(1)) ? ((await io.terminalSize()) ?? { columns: 200 }) : undefined;
    let pending = "";
    const display = new ProgressDisplay((more) => (pending += more), terminal);
    for await (const record of progress(response.body)) {
      display.show(record);
      if (pending !== "") await io.writeOut(new TextEncoder().encode(pending));
      pending = "";
    }
  },
});
