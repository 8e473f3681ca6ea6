import { atLeast, defineCommand } from "../command.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "running",
  flags: {},
  async run(context, { args }) {
    await forEachTarget(context, args, async (client, name) => {
      await client.send("POST", `/containers${pathOf(name)}/pause`);
    });
  },
});
