import { atLeast, defineCommand } from "../command.ts";
import { bool } from "../flags.ts";
import { printInspected } from "../inspect-output.ts";
import { inspectFormatFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  count: atLeast(1),
  completes: "networks",
  flags: { format: inspectFormatFlag, verbose: bool("Say more, for finding faults", { short: "v" }) },
  async run(context, { flags, args }) {
    const client = await context.client();
    await printInspected(context.io, args, flags.format, (name) =>
      client.json("GET", `/networks${pathOf(name)}`, { query: { verbose: flags.verbose } }),
    );
  },
});
