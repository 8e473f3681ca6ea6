import { atLeast, defineCommand } from "../command.ts";
import { bool } from "../flags.ts";
import { printInspected } from "../inspect-output.ts";
import { inspectFormatFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "containers",
  flags: { format: inspectFormatFlag, size: bool("Show how much the container has written", { short: "s" }) },
  async run(context, { flags, args }) {
    const client = await context.client();
    await printInspected(context.io, args, flags.format, (name) =>
      client.json("GET", `/containers${pathOf(name)}/json`, { query: { size: flags.size } }),
    );
  },
});
