import { atLeast, defineCommand } from "../command.ts";
import { printInspected } from "../inspect-output.ts";
import { inspectFormatFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  count: atLeast(1),
  completes: "volumes",
  flags: { format: inspectFormatFlag },
  async run(context, { flags, args }) {
    const client = await context.client();
    await printInspected(context.io, args, flags.format, (name) => client.json("GET", `/volumes${pathOf(name)}`));
  },
});
