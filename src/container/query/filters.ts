import { textFilter, type Filters } from "../../api/index.ts";
import { isKind } from "../../base/index.ts";
import type { Image, ImageStore } from "../../image/index.ts";
import type { NetworksBackend } from "../../api/index.ts";
import type { NetworkService } from "../../network/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { badFilterNumber, badPortFilter, foreignFilterValue, invalidFilter } from "../errors.ts";
import type { ContainerRegistry } from "../registry.ts";
import { statusWord } from "../state.ts";
import { attachedOf, portMap, portSummaries } from "./networks.ts";

const KNOWN = new Set(
  "ancestor before expose exited health id isolation is-task label name network publish since status volume".split(" "),
);
const STATUSES = new Set(["created", "running", "paused", "restarting", "removing", "exited", "dead"]);
const HEALTHS = new Set(["none", "starting", "healthy", "unhealthy"]);

export type EntryTest = (entry: ContainerEntry) => boolean;

interface Needs {
  registry: ContainerRegistry;
  images: ImageStore;
  networks: Pick<NetworksBackend, "inspect"> & Pick<NetworkService, "shown">;
}

/**
 * The test that `docker ps --filter …` means: every key must match by one of its values (labels: by all).
 * @throws invalid for an unknown key or value; not-found for a container that `before` or `since` names.
 */
export async function compileFilters(filters: Filters, needs: Needs): Promise<EntryTest> {
  for (const name of filters.keys()) if (!KNOWN.has(name)) throw invalidFilter(name);
  const tests: EntryTest[] = [];
  const add = (name: string, test: (entry: ContainerEntry, values: readonly string[]) => boolean) => {
    const values = filters.get(name) ?? [];
    if (values.length > 0) tests.push((entry) => test(entry, values));
  };
  const addText = (name: string, textsOf: (entry: ContainerEntry) => readonly string[]) => {
    const test = textFilter(filters.get(name) ?? []);
    add(name, (entry) => textsOf(entry).some(test));
  };
  checkValues(filters, "status", { what: "state", allowed: STATUSES });
  checkValues(filters, "health", { what: "health", allowed: HEALTHS });
  for (const value of filters.get("is-task") ?? []) {
    if (!["true", "false", "1", "0"].includes(value)) throw invalidFilter("is-task", `[${value}]`);
  }
  const exited = (filters.get("exited") ?? []).map((value) => {
    if (!/^-?\d+$/.test(value)) throw badFilterNumber("exited", value);
    return Number(value);
  });
  addText("id", (entry) => [entry.id]);
  addText("name", (entry) => [entry.name, `/${entry.name}`]);
  add("label", (entry, values) => values.every((value) => hasLabel(entry.record.config.Labels ?? {}, value)));
  add("status", (entry, values) => values.includes(statusWord(entry.state)));
  add("exited", (entry) => statusWord(entry.state) === "exited" && exited.includes(entry.state.exitCode));
  add("health", (entry, values) => values.includes(entry.health?.status ?? "none"));
  add("is-task", (_entry, values) => values.some((value) => value === "false" || value === "0"));
  // Only Windows has containers of several kinds.
  add("isolation", () => true);
  add("volume", (entry, values) => values.some((value) => usesVolume(entry, value)));
  addPorts(filters, needs.networks, tests);
  addRelative(filters, needs, tests);
  await addAncestors(filters.get("ancestor") ?? [], needs.images, tests);
  await addNetworks(filters.get("network") ?? [], needs.networks, tests);
  return (entry) => tests.every((test) => test(entry));
}

function checkValues(filters: Filters, name: string, known: { what: string; allowed: ReadonlySet<string> }): void {
  for (const value of filters.get(name) ?? []) {
    if (!known.allowed.has(value)) throw foreignFilterValue(name, value, known);
  }
}

/** `key` or `key=value`. */
export function hasLabel(labels: Record<string, string>, filter: string): boolean {
  const equals = filter.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, filter);
  return labels[filter.slice(0, equals)] === filter.slice(equals + 1);
}

function usesVolume(entry: ContainerEntry, value: string): boolean {
  return entry.record.mounts.some(
    (mount) => mount.target === value || (mount.type === "volume" && mount.name === value),
  );
}

/** `publish` by a port of the host, `expose` by one of the container; either will do. Only what runs has ports. */
function addPorts(filters: Filters, networks: Needs["networks"], tests: EntryTest[]): void {
  const published = (filters.get("publish") ?? []).map((value) => parsePorts("publish", value));
  const exposed = (filters.get("expose") ?? []).map((value) => parsePorts("expose", value));
  if (published.length === 0 && exposed.length === 0) return;
  tests.push((entry) =>
    portSummaries(portMap(entry, attachedOf(entry, networks))).some(
      ({ PublicPort = 0, PrivatePort, Type }) =>
        published.some((ports) => ports.has(PublicPort, Type)) || exposed.some((ports) => ports.has(PrivatePort, Type)),
    ),
  );
}

/** `80`, `80/udp`, `80-90/tcp`. */
function parsePorts(name: string, filter: string): { has(port: number, protocol: string): boolean } {
  const [, ports = "", protocol = "tcp"] = /^([^/]*)(?:\/(\w+))?$/.exec(filter) ?? [];
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(ports) ?? [];
  if (first === undefined) {
    const [number = ""] = ports.split("-").filter((each) => !/^\d+$/.test(each));
    throw badPortFilter(name, filter, number);
  }
  return { has: (port, own) => own === protocol && port >= Number(first) && port <= Number(last) };
}

function addRelative(filters: Filters, { registry }: Needs, tests: EntryTest[]): void {
  const order = (ref: string) => BigInt(registry.resolve(ref).record.createdAt);
  for (const ref of filters.get("before") ?? []) {
    const at = order(ref);
    tests.push((entry) => BigInt(entry.record.createdAt) < at);
  }
  for (const ref of filters.get("since") ?? []) {
    const at = order(ref);
    tests.push((entry) => BigInt(entry.record.createdAt) > at);
  }
}

/** Containers of these images. */
async function addAncestors(names: readonly string[], images: ImageStore, tests: EntryTest[]): Promise<void> {
  if (names.length === 0) return;
  const ancestors = (await Promise.all(names.map((name) => resolveOr(images, name)))).filter(
    (image) => image !== undefined,
  );
  tests.push((entry) => ancestors.some((image) => image.id === entry.record.image.id));
}

async function resolveOr(images: ImageStore, name: string): Promise<Image | undefined> {
  try {
    return await images.resolve(name);
  } catch (error) {
    if (isKind(error, "not-found") || isKind(error, "invalid")) return undefined;
    throw error;
  }
}

async function addNetworks(names: readonly string[], networks: Needs["networks"], tests: EntryTest[]): Promise<void> {
  if (names.length === 0) return;
  const wanted = new Set(names);
  for (const name of names) {
    try {
      const found = await networks.inspect(name, { verbose: false, scope: undefined });
      for (const known of [found.Name, found.Id]) if (known) wanted.add(known);
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
  }
  tests.push((entry) => Object.keys(entry.record.endpoints).some((name) => wanted.has(name)));
}
