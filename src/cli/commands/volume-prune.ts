import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { CliError } from "../errors.ts";
import { bool, filter } from "../flags.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneVolumes, reclaimed } from "../prune.ts";
import { dryRunFlag, forceFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    all: bool("Remove unused named volumes too", { short: "a" }),
    filter: filter("Remove only what fits this condition (label=<label>)"),
    "dry-run": dryRunFlag,
    force: forceFlag,
  },
  async run(context, { flags }) {
    const filters = await pruneFilters(context, flags.filter);
    if (flags.all && filters["all"] !== undefined)
      throw new CliError("conflicting options: cannot specify both --all and --filter all=1");
    const kind = flags.all ? "all volumes" : "anonymous local volumes";
    if (flags["dry-run"]) {
      context.io.out(
        await describePrune(await context.client(), {
          ...NOTHING,
          volumes: flags.all ? "all" : "anonymous",
          filters,
        }),
      );
      return;
    }
    if (!flags.force) {
      await confirm(
        context.io,
        `WARNING! This will remove ${kind} not used by at least one container.\nAre you sure you want to continue?`,
      );
    }
    const pruned = await pruneVolumes(await context.client(), flags.all ? { ...filters, all: ["true"] } : filters);
    if (pruned.text !== "") context.io.out(`${pruned.text}\n`);
    context.io.out(reclaimed(pruned.space));
  },
});
