import { atLeast, defineCommand } from "../command.ts";
import { string } from "../flags.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "running",
  flags: { signal: string("Signal to send", { short: "s" }) },
  async run(context, { flags, args }) {
    await forEachTarget(context, args, async (client, name) => {
      await client.send("POST", `/containers${pathOf(name)}/kill`, { query: { signal: flags.signal } });
    });
  },
});
