import type { BuildCache, ContainerSummary, ImageSummary, NetworkSummary, Volume } from "../api/index.ts";
import type { Client } from "../client/index.ts";
import { CliError } from "./errors.ts";
import type { Filters } from "./flags.ts";
import { shortId } from "./targets.ts";
import { toTimestamp } from "./time-value.ts";
import { humanSize } from "./units.ts";

/**
 * What a prune would remove, found without asking the engine to remove anything: engines that do not know of dry runs would
 * do it. The rules are the engine's.
 */

export interface PruneRequest {
  containers: boolean;
  networks: boolean;
  /** "all": named ones too. */
  volumes: false | "anonymous" | "all";
  /** "all": those with a name too. */
  images: false | "dangling" | "all";
  /** What builds left. */
  builds: boolean;
  filters: Filters;
}

/** What the engine has, as far as the request concerns it. */
export interface EngineContent {
  containers: readonly ContainerSummary[];
  networks: readonly NetworkSummary[];
  volumes: readonly Volume[];
  images: readonly ImageSummary[];
  builds: readonly BuildCache[];
}

export interface PrunePlan {
  containers: ContainerSummary[];
  networks: NetworkSummary[];
  volumes: Volume[];
  images: ImageSummary[];
  builds: BuildCache[];
}

/** To which a command adds what it prunes. */
export const NOTHING: PruneRequest = {
  containers: false,
  networks: false,
  volumes: false,
  images: false,
  builds: false,
  filters: {},
};

const STOPPED = new Set<string | undefined>(["created", "exited", "dead"]);
const PREDEFINED = new Set<string | undefined>(["bridge", "host", "none"]);
const ANONYMOUS = "com.docker.volume.anonymous";

/** Says what a prune would do. @throws CliError for a filter that the prune would refuse. */
export async function describePrune(client: Client, request: PruneRequest): Promise<string> {
  checkFilters(request);
  return describe(planPrune(await readContent(client, request), request, Date.now()));
}

function checkFilters({ volumes, containers, networks, images, filters }: PruneRequest): void {
  const known = new Set(["label", "label!"]);
  if (containers || networks || images !== false) known.add("until");
  else if (volumes !== false) known.add("all");
  for (const name of Object.keys(filters)) if (!known.has(name)) throw new CliError(`invalid filter '${name}'`);
}

interface Usage {
  Volumes?: Volume[] | null;
  BuildCache?: BuildCache[] | null;
}

async function readContent(client: Client, request: PruneRequest): Promise<EngineContent> {
  const { networks, volumes, images, builds } = request;
  const counted = [...(volumes === false ? [] : ["volume"]), ...(builds ? ["build-cache"] : [])];
  const [containers, allNetworks, usage, allImages]: [ContainerSummary[], NetworkSummary[], Usage, ImageSummary[]] =
    await Promise.all([
      client.json<ContainerSummary[]>("GET", "/containers/json", { query: { all: true, size: request.containers } }),
      networks ? client.json<NetworkSummary[]>("GET", "/networks") : [],
      counted.length === 0 ? {} : client.json<Usage>("GET", "/system/df", { query: { type: counted } }),
      images === false
        ? []
        : client.json<ImageSummary[]>("GET", "/images/json", { query: { all: true, "shared-size": true } }),
    ]);
  return {
    containers,
    networks: allNetworks,
    volumes: usage.Volumes ?? [],
    images: allImages,
    builds: usage.BuildCache ?? [],
  };
}

/** Each step takes away what the steps before it have set free. */
export function planPrune(content: EngineContent, request: PruneRequest, now: number): PrunePlan {
  const { filters } = request;
  const fits = fitting(filters, now);
  const containers = request.containers
    ? content.containers.filter(
        ({ State, Labels, Created }) => STOPPED.has(State) && fits(Labels, (Created ?? 0) * 1000),
      )
    : [];
  const remaining = content.containers.filter((container) => !containers.includes(container));
  // A container that is stopped keeps no network
  const connected = new Set(
    remaining
      .filter(({ State }) => !STOPPED.has(State))
      .flatMap(({ NetworkSettings }) =>
        Object.values(NetworkSettings?.Networks ?? {}).map(({ NetworkID }) => NetworkID),
      ),
  );
  const networks = content.networks.filter(
    ({ Id, Name, Labels, Created }) =>
      request.networks && !PREDEFINED.has(Name) && !connected.has(Id) && fits(Labels, Date.parse(Created ?? "")),
  );
  const mounted = new Set(remaining.flatMap(({ Mounts }) => (Mounts ?? []).map(({ Name }) => Name)));
  const named = request.volumes === "all" || /^(?:1|t|true)$/i.test(filters["all"]?.[0] ?? "");
  const volumes = content.volumes.filter(
    ({ Name, Labels }) =>
      request.volumes !== false &&
      !mounted.has(Name) &&
      (named || (Labels ?? {})[ANONYMOUS] !== undefined) &&
      fits(Labels, Number.NEGATIVE_INFINITY),
  );
  const used = new Set(remaining.map(({ ImageID }) => ImageID));
  const parents = new Set(content.images.map(({ ParentId }) => ParentId));
  const images = content.images.filter(
    (image) =>
      request.images !== false &&
      !used.has(image.Id) &&
      !parents.has(image.Id) &&
      (request.images === "all" || tagsOf(image).length === 0) &&
      fits(image.Labels, image.Created * 1000),
  );
  const builds = content.builds.filter(({ InUse }) => request.builds && InUse !== true);
  return { containers, networks, volumes, images, builds };
}

/** `label`, `label!` and `until` as the engine understands them. */
function fitting(
  filters: Filters,
  now: number,
): (labels: Readonly<Record<string, string>> | null | undefined, created: number) => boolean {
  const until = (filters["until"] ?? []).map((text) => Number(toTimestamp(text, "until") ?? now / 1000) * 1000);
  return (labels, created) => {
    const has = (label: string) => {
      const equals = label.indexOf("=");
      const value = (labels ?? {})[equals === -1 ? label : label.slice(0, equals)];
      return value !== undefined && (equals === -1 || value === label.slice(equals + 1));
    };
    return (
      until.every((limit) => created < limit) &&
      (filters["label"] ?? []).every(has) &&
      !(filters["label!"] ?? []).some(has)
    );
  };
}

function tagsOf({ RepoTags }: ImageSummary): string[] {
  return (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
}

/** The plan in words. */
export function describe({ containers, networks, volumes, images, builds }: PrunePlan): string {
  const sections = [
    section(
      "containers",
      containers.map(({ Id = "", Names, Status = "" }) => {
        return `${shortId(Id)} ${(Names?.[0] ?? "").replace(/^\//, "")} (${Status})`;
      }),
    ),
    section(
      "networks",
      networks.map(({ Name = "" }) => Name),
    ),
    section(
      "volumes",
      volumes.map(({ Name }) => Name),
    ),
    section(
      "images",
      images.map((image) => [shortId(image.Id), ...tagsOf(image)].join(" ")),
    ),
    section(
      "build cache",
      builds.map(({ ID = "" }) => ID),
    ),
  ].filter((text) => text !== "");
  if (sections.length === 0) return "Nothing would be removed.\n";
  const space =
    containers.reduce((sum, { SizeRw }) => sum + (SizeRw ?? 0), 0) +
    volumes.reduce((sum, { UsageData }) => sum + Math.max(0, UsageData?.Size ?? 0), 0) +
    builds.reduce((sum, { Size }) => sum + (Size ?? 0), 0) +
    images.reduce((sum, { Size, SharedSize }) => sum + Math.max(0, Size - Math.max(0, SharedSize)), 0);
  return `${sections.join("\n")}\nSpace that would be reclaimed: ${humanSize(space)}\n`;
}

function section(what: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `Would remove ${what}:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}
