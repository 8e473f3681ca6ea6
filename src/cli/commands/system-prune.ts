import { ClientError } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { confirm } from "../confirm.ts";
import { CliError } from "../errors.ts";
import { bool, filter, type Filters } from "../flags.ts";
import { pruneFilters } from "../prune-filters.ts";
import { describePrune, NOTHING } from "../prune-plan.ts";
import { pruneBuildCache, pruneContainers, pruneImages, pruneNetworks, pruneVolumes, reclaimed } from "../prune.ts";
import { dryRunFlag, forceFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    all: bool("Remove all unused images, not only those without a name", { short: "a" }),
    filter: filter("Remove only what fits this condition (label=<key>=<value>)"),
    "dry-run": dryRunFlag,
    force: forceFlag,
    volumes: bool("Remove anonymous volumes too"),
  },
  async run(context, { flags }) {
    const filters = await pruneFilters(context, flags.filter);
    if (flags.volumes && flags.filter["until"] !== undefined)
      throw new CliError('ERROR: The "until" filter is not supported with "--volumes"');
    if (flags["dry-run"]) {
      context.io.out(
        await describePrune(await context.client(), {
          ...NOTHING,
          containers: true,
          networks: true,
          volumes: flags.volumes ? "anonymous" : false,
          images: flags.all ? "all" : "dangling",
          builds: true,
          filters,
        }),
      );
      return;
    }
    if (!flags.force) await confirm(context.io, warning(flags, filters));
    const client = await context.client();
    const steps = [
      () => pruneContainers(client, filters),
      () => pruneNetworks(client, filters),
      ...(flags.volumes ? [() => pruneVolumes(client, filters)] : []),
      () => pruneImages(client, filters, flags.all),
      // An engine without a builder has no cache to clean
      () =>
        pruneBuildCache(client, filters, flags.all).catch((error: unknown) => {
          if (error instanceof ClientError && (error.status === 404 || error.status === 501))
            return { text: "", space: 0 };
          throw error;
        }),
    ];
    let space = 0;
    for (const step of steps) {
      const pruned = await step();
      if (pruned.text !== "") context.io.out(`${pruned.text}\n`);
      space += pruned.space;
    }
    context.io.out(reclaimed(space));
  },
});

function warning(flags: { all: boolean; volumes: boolean }, given: Filters): string {
  const lines = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(flags.volumes ? ["all anonymous volumes not used by at least one container"] : []),
    flags.all ? "all images without at least one container associated to them" : "all dangling images",
    flags.all ? "all build cache" : "unused build cache",
  ];
  const filters = Object.entries(given).flatMap(([name, values]) => values.map((value) => `${name}=${value}`));
  const filtered =
    filters.length === 0
      ? ""
      : `\n  Items to be pruned will be filtered with:\n${filters.map((each) => `  - ${each}`).join("\n")}\n`;
  return `WARNING! This will remove:\n${lines.map((line) => `  - ${line}`).join("\n")}\n${filtered}\nAre you sure you want to continue?`;
}
