import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, bytes, filter } from "../flags.ts";
import { CliError } from "../errors.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneBuildCache, reclaimed } from "../prune.ts";
import { dryRunFlag, forceFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    all: bool("Remove all that no build uses, not only what no image refers to", { short: "a" }),
    "dry-run": dryRunFlag,
    filter: filter("Remove only what fits this condition (until=<time>)"),
    force: forceFlag,
    "keep-storage": bytes("Keep this much"),
  },
  async run(context, { flags, changed }) {
    const filters = await pruneFilters(context, flags.filter);
    const { io } = context;
    if (flags["dry-run"]) {
      if (changed.has("filter") || changed.has("keep-storage"))
        throw new CliError("conflicting options: cannot specify --dry-run with --filter or --keep-storage");
      io.out(await describePrune(await context.client(), { ...NOTHING, builds: true }));
      return;
    }
    const what = flags.all ? "all build cache" : "all dangling build cache";
    if (!flags.force) await confirm(io, `WARNING! This will remove ${what}. Are you sure you want to continue?`);
    const pruned = await pruneBuildCache(await context.client(), filters, flags.all, flags["keep-storage"]);
    if (pruned.text !== "") io.out(`${pruned.text}\n`);
    io.out(reclaimed(pruned.space));
  },
});
