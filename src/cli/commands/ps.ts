import type { ContainerSummary } from "../../api/index.ts";
import { defineCommand, none } from "../command.ts";
import { bool, int } from "../flags.ts";
import { fieldsUsed, printRows, type View } from "../format.ts";
import { displayPorts } from "../ports.ts";
import { filterFlag, formatFlag, noTruncFlag, warnQuietFormat } from "../shared-flags.ts";
import { ellipsis, encodeFilters, shortId } from "../targets.ts";
import { formatLocalTime, humanDuration, humanSize } from "../units.ts";

const flags = {
  all: bool("Show stopped containers too", { short: "a" }),
  filter: filterFlag,
  format: formatFlag,
  last: int("Show the newest N containers, whatever their state", { short: "n", initial: -1 }),
  latest: bool("Show the newest container, whatever its state", { short: "l" }),
  "no-trunc": noTruncFlag,
  quiet: bool("Print ids only", { short: "q" }),
  size: bool("Show how much each container has written", { short: "s" }),
};

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags,
  async run(context, { flags: given, changed }) {
    const format = given.format || (given.quiet ? "" : ((await context.config()).psFormat ?? ""));
    warnQuietFormat(given.format, given.quiet, (text) => context.io.err(text));
    const limit = given.latest && !changed.has("last") ? 1 : given.last;
    const view = containerView(!given["no-trunc"], given.size);
    const needsSize = format.includes("{{") && (await fieldsUsed(view, {}, format)).has("Size");
    const client = await context.client();
    const containers = await client.json<ContainerSummary[]>("GET", "/containers/json", {
      query: {
        all: given.all || limit > 0,
        limit: limit > 0 ? limit : undefined,
        size: given.size || needsSize,
        filters: encodeFilters(given.filter),
      },
    });
    await printRows(context.io, view, containers, {
      format,
      quiet: given.quiet,
    });
  },
});

/** @param size whether the plain table has it. */
export function containerView(truncate: boolean, size: boolean): View<ContainerSummary> {
  return {
    type: "*formatter.ContainerContext",
    labels: (container) => container.Labels,
    raw: [
      "container_id: {{.ID}}",
      "image: {{.Image}}",
      "command: {{.Command}}",
      "created_at: {{.CreatedAt}}",
      "state: {{.State}}",
      "status: {{.Status}}",
      "names: {{.Names}}",
      "labels: {{- pad .Labels 1 0}}",
      "ports: {{- pad .Ports 1 0}}",
      ...(size ? ["size: {{.Size}}"] : []),
      "",
    ].join("\n"),
    columns: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", ...(size ? ["Size"] : [])],
    fields: {
      ID: { header: "CONTAINER ID", value: ({ Id = "" }) => (truncate ? shortId(Id) : Id) },
      Names: { header: "NAMES", value: ({ Names }) => names(Names ?? [], truncate) },
      Image: { header: "IMAGE", value: (container) => image(container, truncate) },
      Command: {
        header: "COMMAND",
        value: ({ Command = "" }) => JSON.stringify(truncate ? ellipsis(Command, 20) : Command),
      },
      CreatedAt: { header: "CREATED AT", value: ({ Created = 0 }) => formatLocalTime(Created) },
      RunningFor: {
        header: "CREATED",
        value: ({ Created = 0 }) => `${humanDuration(Date.now() - Created * 1000)} ago`,
      },
      Platform: {
        header: "PLATFORM",
        value: ({ ImageManifestDescriptor }) => ImageManifestDescriptor?.platform ?? null,
      },
      Ports: { header: "PORTS", value: ({ Ports }) => displayPorts(Ports ?? []) },
      State: { header: "STATE", value: ({ State = "" }) => State },
      Status: { header: "STATUS", value: ({ Status = "" }) => Status },
      Size: { header: "SIZE", value: ({ SizeRw, SizeRootFs }) => sizes(SizeRw ?? 0, SizeRootFs ?? 0) },
      Labels: { header: "LABELS", value: ({ Labels }) => joinLabels(Labels) },
      Mounts: {
        header: "MOUNTS",
        value: ({ Mounts }) =>
          (Mounts ?? [])
            .map(({ Name, Source = "" }) => (truncate ? ellipsis(Name || Source, 15) : Name || Source))
            .join(","),
      },
      LocalVolumes: {
        header: "LOCAL VOLUMES",
        value: ({ Mounts }) => String((Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
      },
      Networks: {
        header: "NETWORKS",
        value: ({ NetworkSettings }) =>
          Object.keys(NetworkSettings?.Networks ?? {})
            .sort()
            .join(","),
      },
    },
  };
}

function names(all: readonly string[], truncate: boolean): string {
  const stripped = all.map((name) => name.replace(/^\//, ""));
  // Names with a slash are links of other containers
  return (truncate ? stripped.filter((name) => !name.includes("/")) : stripped).join(",");
}

function image({ Image: name = "", ImageID: id = "" }: ContainerSummary, truncate: boolean): string {
  if (name === "") return "<no image>";
  if (truncate && shortId(name) === shortId(id)) return shortId(id);
  return truncate ? name.replace(/@sha256:[0-9a-f]{64}$/, "") : name;
}

function sizes(written: number, root: number): string {
  const own = humanSize(written, 3);
  return root > 0 ? `${own} (virtual ${humanSize(root, 3)})` : own;
}

export function joinLabels(labels: Readonly<Record<string, string>> | undefined | null): string {
  return Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels?.[key] ?? ""}`)
    .join(",");
}
