import { atMost, defineCommand } from "../command.ts";
import { completionScript, suggest } from "../completion.ts";
import { CliError } from "../errors.ts";
import { list } from "../flags.ts";

export default defineCommand({
  usage: "SHELL",
  description: "Print the completion script of a shell: bash, zsh or fish.\n\n  source <(berth completion bash)",
  count: atMost(1),
  completes: "shells",
  flags: {
    words: list("The words of a command line, the last of them incomplete; prints what it may become", {
      hidden: true,
    }),
  },
  async run(context, { flags, changed, args: [shell] }) {
    if (changed.has("words")) {
      for (const suggestion of await suggest(context.io, flags.words)) context.io.out(`${suggestion}\n`);
      return;
    }
    const script = shell === undefined ? undefined : completionScript(shell);
    if (script === undefined)
      throw new CliError(`no completion for shell ${JSON.stringify(shell ?? "")}: use bash, zsh or fish`);
    context.io.out(script);
  },
});
