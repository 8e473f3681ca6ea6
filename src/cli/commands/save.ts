import { atLeast, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { checkOutput, saveTo } from "../files.ts";
import { string, strings } from "../flags.ts";
import { platformsJson } from "../platform.ts";

export default defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  count: atLeast(1),
  completes: "images",
  flags: {
    output: string("Write to this file, not to standard output", { short: "o" }),
    platform: strings("Save the variant of this platform only (os[/arch[/variant]])"),
  },
  async run(context, { flags, args }) {
    const { io } = context;
    if (flags.output === "" && (await io.isTerminal(1)))
      throw new CliError("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    if (flags.output !== "") await checkOutput(flags.output, "failed to save image");
    const response = await (
      await context.client()
    ).request("GET", "/images/get", {
      query: { names: args, platform: platformsJson(flags.platform) },
    });
    if (flags.output !== "") await saveTo(flags.output, response.body);
    else for await (const chunk of response.body) await io.writeOut(chunk);
  },
});
