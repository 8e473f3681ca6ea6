import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { checkOutput, saveTo } from "../files.ts";
import { string } from "../flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER",
  count: exactly(1),
  completes: "containers",
  flags: { output: string("Write to this file, not to standard output", { short: "o" }) },
  async run(context, { flags, args: [name = ""] }) {
    const { io } = context;
    if (flags.output === "" && (await io.isTerminal(1)))
      throw new CliError("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    if (flags.output !== "") await checkOutput(flags.output, "failed to export container");
    const response = await (await context.client()).request("GET", `/containers${pathOf(name)}/export`);
    if (flags.output !== "") await saveTo(flags.output, response.body);
    else for await (const chunk of response.body) await io.writeOut(chunk);
  },
});
