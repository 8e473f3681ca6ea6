import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filter } from "../flags.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneNetworks } from "../prune.ts";
import { dryRunFlag, forceFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    filter: filter("Remove only what fits this condition (until=<time>)"),
    "dry-run": dryRunFlag,
    force: forceFlag,
  },
  async run(context, { flags }) {
    const filters = await pruneFilters(context, flags.filter);
    if (flags["dry-run"]) {
      context.io.out(await describePrune(await context.client(), { ...NOTHING, networks: true, filters }));
      return;
    }
    if (!flags.force) {
      await confirm(
        context.io,
        "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?",
      );
    }
    const { text } = await pruneNetworks(await context.client(), filters);
    if (text !== "") context.io.out(`${text}\n`);
  },
});
