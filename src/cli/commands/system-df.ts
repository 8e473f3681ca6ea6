import type { ContainerSummary, ImageSummary, Volume } from "../../api/index.ts";
import { defineCommand, none } from "../command.ts";
import { bool } from "../flags.ts";
import { printObject, printRows, rowList, type RowList, type View } from "../format.ts";
import { imageRows, imageView } from "./images.ts";
import { containerView } from "./ps.ts";
import { volumeView } from "./volume-ls.ts";
import { formatFlag } from "../shared-flags.ts";
import { alignColumns } from "../table-writer.ts";
import { ellipsis, shortId } from "../targets.ts";
import { humanDuration, humanSize } from "../units.ts";

interface BuildCacheRecord {
  ID?: string;
  Type?: string;
  InUse?: boolean;
  Shared?: boolean;
  Size?: number;
  CreatedAt?: string | null;
  LastUsedAt?: string | null;
  UsageCount?: number;
}

interface DiskUsage {
  LayersSize?: number;
  Images?: ImageSummary[] | null;
  Containers?: ContainerSummary[] | null;
  Volumes?: Volume[] | null;
  BuildCache?: BuildCacheRecord[] | null;
}

interface Row {
  type: string;
  total: number;
  active: number;
  size: number;
  reclaimable: number;
  /** Whether a share of the whole is shown. */
  share: boolean;
}

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { format: formatFlag, verbose: bool("Show each object", { short: "v" }) },
  async run(context, { flags }) {
    const usage = await (await context.client()).json<DiskUsage>("GET", "/system/df");
    if (!flags.verbose) {
      await printRows(context.io, summaryView, summarize(usage), { format: flags.format });
      return;
    }
    if (flags.format === "" || flags.format === "table") context.io.out(detailed(usage));
    else
      await printObject(
        context.io,
        "*formatter.diskUsageContext",
        listsOf(usage),
        flags.format.replace(/^table\s+/, ""),
      );
  },
});

function summarize({ Images, Containers, Volumes, BuildCache, LayersSize = 0 }: DiskUsage): Row[] {
  const images = Images ?? [];
  const containers = Containers ?? [];
  const volumes = Volumes ?? [];
  const cache = BuildCache ?? [];
  const usedImages = images.filter(({ Containers: count }) => count > 0);
  const used = usedImages.reduce(
    (sum, { Size, SharedSize }) => (SharedSize === -1 || Size === -1 ? sum : sum + Size - SharedSize),
    0,
  );
  const isActive = ({ State }: ContainerSummary) => State === "running" || State === "paused" || State === "restarting";
  const written = (list: readonly ContainerSummary[]) => list.reduce((sum, { SizeRw }) => sum + (SizeRw ?? 0), 0);
  const idle = volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) === 0);
  const stored = (list: readonly Volume[]) =>
    list.reduce((sum, { UsageData }) => sum + Math.max(0, UsageData?.Size ?? 0), 0);
  const cached = (list: readonly BuildCacheRecord[]) =>
    list.reduce((sum, { Size = 0, Shared }) => sum + (Shared === true ? 0 : Size), 0);
  return [
    {
      type: "Images",
      total: images.length,
      active: usedImages.length,
      size: LayersSize,
      reclaimable: LayersSize - used,
      share: true,
    },
    {
      type: "Containers",
      total: containers.length,
      active: containers.filter(isActive).length,
      size: written(containers),
      reclaimable: written(containers.filter((each) => !isActive(each))),
      share: true,
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.length - idle.length,
      size: stored(volumes),
      reclaimable: stored(idle),
      share: true,
    },
    {
      type: "Build Cache",
      total: cache.length,
      active: cache.filter(({ InUse }) => InUse === true).length,
      size: cached(cache),
      reclaimable: cached(cache.filter(({ InUse }) => InUse !== true)),
      share: false,
    },
  ];
}

const summaryView: View<Row> = {
  type: "*formatter.diskUsageImagesContext",
  raw: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n",
  columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
  fields: {
    Type: { header: "TYPE", value: ({ type }) => type },
    TotalCount: { header: "TOTAL", value: ({ total }) => String(total) },
    Active: { header: "ACTIVE", value: ({ active }) => String(active) },
    Size: { header: "SIZE", value: ({ size }) => humanSize(size) },
    Reclaimable: {
      header: "RECLAIMABLE",
      value: ({ reclaimable, size, share }) =>
        share && size > 0
          ? `${humanSize(reclaimable)} (${Math.trunc((reclaimable * 100) / size)}%)`
          : humanSize(reclaimable),
    },
  },
};

function listsOf({ Images, Containers, Volumes, BuildCache }: DiskUsage): Record<string, RowList> {
  const images = (Images ?? []).flatMap((image) => imageRows(image, false));
  return {
    Images: rowList(
      imageView(false, false),
      images.map((row) => ({ ...row, digest: "" })),
    ),
    // As in Docker, without what the image takes
    Containers: rowList(
      containerView(false, false),
      (Containers ?? []).map((each) => ({ ...each, SizeRootFs: 0 })),
    ),
    Volumes: rowList(volumeView, Volumes ?? []),
    BuildCache: rowList(cacheView, BuildCache ?? []),
  };
}

const cacheView: View<BuildCacheRecord> = {
  type: "*formatter.buildCacheContext",
  columns: ["ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"],
  fields: {
    ID: { header: "CACHE ID", value: ({ ID = "" }) => ID },
    CacheType: { header: "CACHE TYPE", value: ({ Type = "" }) => Type },
    Size: { header: "SIZE", value: ({ Size = 0 }) => humanSize(Size, 3) },
    CreatedSince: { header: "CREATED", value: ({ CreatedAt }) => agoOf(CreatedAt) },
    LastUsedSince: { header: "LAST USED", value: ({ LastUsedAt }) => agoOf(LastUsedAt) },
    UsageCount: { header: "USAGE", value: ({ UsageCount = 0 }) => String(UsageCount) },
    InUse: { header: "IN USE", value: ({ InUse }) => String(InUse ?? false) },
    Shared: { header: "SHARED", value: ({ Shared }) => String(Shared ?? false) },
  },
};

function detailed({ Images, Containers, Volumes, BuildCache }: DiskUsage): string {
  const ago = (seconds: number) => `${humanDuration(Date.now() - seconds * 1000)} ago`;
  const images = (Images ?? []).map(({ RepoTags, Id, Created, Size, SharedSize, Containers: count }) => {
    const [name = "<none>:<none>"] = RepoTags ?? [];
    const colon = name.lastIndexOf(":");
    const shared = Math.max(0, SharedSize);
    return [
      name.slice(0, colon),
      name.slice(colon + 1),
      shortId(Id),
      ago(Created),
      humanSize(Size, 3),
      humanSize(shared),
      humanSize(Size - shared),
      String(count),
    ];
  });
  const containers = (Containers ?? []).map(
    ({ Id = "", Image = "", Command = "", Mounts, SizeRw, Created = 0, Status = "", Names }) => [
      shortId(Id),
      Image,
      JSON.stringify(ellipsis(Command, 20)),
      String((Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
      humanSize(SizeRw ?? 0, 3),
      ago(Created),
      Status,
      (Names ?? []).map((name) => name.replace(/^\//, "")).join(","),
    ],
  );
  const volumes = (Volumes ?? []).map(({ Name, UsageData }) => [
    Name,
    String(UsageData?.RefCount ?? 0),
    humanSize(UsageData?.Size ?? 0),
  ]);
  const cache = (BuildCache ?? []).map(
    ({ ID = "", Type = "", Size = 0, CreatedAt, LastUsedAt, UsageCount = 0, Shared }) => [
      ID.slice(0, 12),
      Type,
      humanSize(Size, 3),
      agoOf(CreatedAt),
      agoOf(LastUsedAt),
      String(UsageCount),
      String(Shared ?? false),
    ],
  );
  const total = (BuildCache ?? []).reduce((sum, { Size = 0, Shared }) => sum + (Shared === true ? 0 : Size), 0);
  return [
    section(
      "Images space usage:",
      ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
      images,
    ),
    section(
      "Containers space usage:",
      ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"],
      containers,
    ),
    section("Local Volumes space usage:", ["VOLUME NAME", "LINKS", "SIZE"], volumes),
    section(
      `Build cache usage: ${humanSize(total)}`,
      ["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"],
      cache,
    ),
  ].join("\n");
}

/** A date of the engine as a span before now. */
function agoOf(date: string | null | undefined): string {
  return date === undefined || date === null ? "" : `${humanDuration(Date.now() - Date.parse(date))} ago`;
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${title}\n\n${alignColumns(`${[header, ...rows].map((cells) => cells.join("\t")).join("\n")}\n`)}`;
}
