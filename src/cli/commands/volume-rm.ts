import { atLeast, defineCommand } from "../command.ts";
import { bool } from "../flags.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  count: atLeast(1),
  completes: "volumes",
  flags: { force: bool("Remove it also when its driver cannot find it", { short: "f" }) },
  async run(context, { flags, args }) {
    await forEachTarget(context, args, async (client, name) => {
      await client.send("DELETE", `/volumes${pathOf(name)}`, { query: { force: flags.force } });
    });
  },
});
