import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filter } from "../flags.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneContainers, reclaimed } from "../prune.ts";
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
      context.io.out(await describePrune(await context.client(), { ...NOTHING, containers: true, filters }));
      return;
    }
    if (!flags.force)
      await confirm(
        context.io,
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?",
      );
    const pruned = await pruneContainers(await context.client(), filters);
    if (pruned.text !== "") context.io.out(`${pruned.text}\n`);
    context.io.out(reclaimed(pruned.space));
  },
});
