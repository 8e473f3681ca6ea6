import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, filter } from "../flags.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneImages, reclaimed } from "../prune.ts";
import { dryRunFlag, forceFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    all: bool("Remove all images that no container uses, not only those without a name", { short: "a" }),
    filter: filter("Remove only what fits this condition (until=<time>)"),
    "dry-run": dryRunFlag,
    force: forceFlag,
  },
  async run(context, { flags }) {
    const filters = await pruneFilters(context, flags.filter);
    const what = flags.all ? "all images without at least one container associated to them" : "all dangling images";
    if (flags["dry-run"]) {
      context.io.out(
        await describePrune(await context.client(), {
          ...NOTHING,
          images: flags.all ? "all" : "dangling",
          filters,
        }),
      );
      return;
    }
    if (!flags.force)
      await confirm(context.io, `WARNING! This will remove ${what}.\nAre you sure you want to continue?`);
    const pruned = await pruneImages(await context.client(), filters, flags.all);
    if (pruned.text !== "") context.io.out(`${pruned.text}\n`);
    context.io.out(reclaimed(pruned.space));
  },
});
