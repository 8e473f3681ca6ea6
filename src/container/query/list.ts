import type { ContainerListQuery, ContainerSummary } from "../../api/index.ts";
import { isKind } from "../../base/index.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ShownNetworking } from "../../network/index.ts";
import { linkNames } from "../links.ts";
import type { ContainerRecord } from "../record.ts";
import type { ContainerRegistry } from "../registry.ts";
import { isUp, statusWord } from "../state.ts";
import type { Clock, ContainerDependencies } from "../types.ts";
import { compileFilters } from "./filters.ts";
import { mountPoints } from "./mount-points.ts";
import { attachedOf, endpointsOf, portMap, portSummaries } from "./networks.ts";
import { statusText } from "./status-text.ts";

type Needs = Pick<ContainerDependencies, "images" | "networks" | "snapshotter">;

/** What names of images mean, for one list. */
type ImageNames = Map<string, Promise<string | undefined>>;

/** What one list finds out once. */
interface ListFacts {
  images: ImageNames;
  /** Names by links, by the container's own. */
  links: ReadonlyMap<string, readonly string[]>;
}

/** The part of a summary that does not change by itself. */
type Lasting = Required<
  Pick<ContainerSummary, "Command" | "Created" | "Ports" | "HostConfig" | "NetworkSettings" | "Mounts">
>;

interface Kept {
  record: ContainerRecord;
  running: boolean;
  attached: ShownNetworking | undefined;
  lasting: Lasting;
}

/** `GET /containers/json`. */
export class ContainerList {
  readonly #registry: ContainerRegistry;
  readonly #needs: Needs;
  readonly #clock: Clock;
  readonly #kept = new WeakMap<ContainerEntry, Kept>();

  constructor(registry: ContainerRegistry, needs: Needs, clock: Clock) {
    this.#registry = registry;
    this.#needs = needs;
    this.#clock = clock;
  }

  /** Newest first. @throws invalid for unknown filters. */
  async list(query: ContainerListQuery): Promise<ContainerSummary[]> {
    const test = await compileFilters(query.filters, { registry: this.#registry, ...this.#needs });
    const limit = query.limit !== undefined && query.limit > 0 ? query.limit : undefined;
    // A status, an exit code or a number asks for stopped ones too.
    const all = query.all || limit !== undefined || ["status", "exited"].some((name) => query.filters.has(name));
    const found = this.#registry.all().filter((entry) => (all || isUp(entry.state)) && test(entry));
    const facts: ListFacts = { images: new Map(), links: linkNames(this.#registry.all()) };
    return await Promise.all(found.slice(0, limit).map((entry) => this.#summary(entry, query.size, facts)));
  }

  async #summary(entry: ContainerEntry, size: boolean, { images, links }: ListFacts): Promise<ContainerSummary> {
    const { record, state } = entry;
    const lasting = this.#lastingOf(entry);
    return {
      Id: record.id,
      Names: [record.name, ...(links.get(record.name) ?? [])].sort().map((name) => `/${name}`),
      Image: await this.#imageName(entry, images),
      ImageID: record.image.id,
      Command: lasting.Command,
      Created: lasting.Created,
      Ports: lasting.Ports,
      ...(size ? withoutZero(await this.#sizes(entry)) : {}),
      Labels: record.config.Labels ?? {},
      State: statusWord(state),
      Status: statusText(state, entry.health, this.#clock.now()),
      HostConfig: lasting.HostConfig,
      NetworkSettings: lasting.NetworkSettings,
      Mounts: lasting.Mounts,
      ...(entry.health === undefined
        ? {}
        : { Health: { Status: entry.health.status, FailingStreak: entry.health.failingStreak } }),
    };
  }

  /** Made anew when the record, the networks or whether it runs has changed: lists are asked for often. */
  #lastingOf(entry: ContainerEntry): Lasting {
    const { record } = entry;
    const running = entry.state.phase.kind === "running";
    const attached = attachedOf(entry, this.#needs.networks);
    const kept = this.#kept.get(entry);
    if (kept?.record === record && kept.running === running && kept.attached === attached) return kept.lasting;
    const lasting: Lasting = {
      Command: [record.path, ...record.args].map(quoted).join(" "),
      Created: Number(BigInt(record.createdAt) / 1_000_000_000n),
      Ports: portSummaries(portMap(entry, attached)),
      HostConfig: {
        NetworkMode: record.hostConfig.NetworkMode ?? "",
        ...(record.hostConfig.Annotations ? { Annotations: record.hostConfig.Annotations } : {}),
      },
      NetworkSettings: { Networks: endpointsOf(entry, attached, this.#needs.networks) },
      Mounts: mountPoints(record.mounts),
    };
    this.#kept.set(entry, { record, running, attached, lasting });
    return lasting;
  }

  /** The name it was made from while that still means the same image, else the id. */
  async #imageName(entry: ContainerEntry, names: ImageNames): Promise<string> {
    const { id } = entry.record.image;
    const asked = entry.record.config.Image ?? "";
    let meant = names.get(asked);
    if (meant === undefined) {
      meant = this.#needs.images.resolve(asked).then(
        (image) => image.id,
        () => undefined,
      );
      names.set(asked, meant);
    }
    return (await meant) === id ? asked : id;
  }

  async #sizes(entry: ContainerEntry): Promise<{ SizeRw: number; SizeRootFs: number }> {
    return await sizesOf(entry, this.#needs);
  }
}

/** Docker's lists leave out a size of nothing, its inspect does not. */
function withoutZero({ SizeRw, SizeRootFs }: { SizeRw: number; SizeRootFs: number }): Partial<ContainerSummary> {
  return { ...(SizeRw > 0 ? { SizeRw } : {}), ...(SizeRootFs > 0 ? { SizeRootFs } : {}) };
}

/** Bytes that the container wrote, and of its whole root file system. */
export async function sizesOf(
  entry: ContainerEntry,
  needs: Pick<ContainerDependencies, "snapshotter">,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const { snapshotter } = needs;
  const parents = new Map(snapshotter.list().map((row) => [row.key, row.parent]));
  const own = await bytesOf(entry.id, snapshotter);
  let total = own;
  for (let key = parents.get(entry.id); key !== undefined; key = parents.get(key)) {
    total += await bytesOf(key, snapshotter);
  }
  return { SizeRw: own, SizeRootFs: total };
}

async function bytesOf(key: string, snapshotter: ContainerDependencies["snapshotter"]): Promise<number> {
  try {
    return (await snapshotter.usage(key)).bytes;
  } catch (error) {
    if (isKind(error, "not-found")) return 0; // removed meanwhile
    throw error;
  }
}

/** Arguments with blanks are shown in quotes. */
function quoted(argument: string): string {
  return argument.includes(" ") ? `'${argument}'` : argument;
}
