import { atLeast, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { int, string } from "../flags.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "containers",
  flags: {
    signal: string("Signal that asks the container to end", { short: "s" }),
    time: int("Seconds to wait before it is killed", { hidden: true, deprecated: "use --timeout instead" }),
    timeout: int("Seconds to wait before it is killed (-1: for ever)", { short: "t" }),
  },
  async run(context, { flags, changed, args }) {
    if (changed.has("timeout") && changed.has("time"))
      throw new CliError("conflicting options: cannot specify both --timeout and --time");
    const t = changed.has("timeout") ? flags.timeout : changed.has("time") ? flags.time : undefined;
    await forEachTarget(context, args, async (client, name) => {
      await client.send("POST", `/containers${pathOf(name)}/restart`, { query: { signal: flags.signal, t } });
    });
  },
});
