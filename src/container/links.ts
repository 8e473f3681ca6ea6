import type { HostConfig } from "../api/index.ts";
import { invalid } from "../base/index.ts";
import { networkMode } from "./create/modes.ts";
import type { ContainerEntry } from "./entry.ts";
import { linkedNotOnBridge, linkedNotRunning } from "./errors.ts";
import type { ContainerRecord } from "./record.ts";
import type { NetworkService } from "../network/index.ts";
import type { ContainerRegistry } from "./registry.ts";

/** A link of the default bridge: another container, by its name, and what it is called in this one. */
export interface Link {
  readonly target: string;
  readonly alias: string;
}

/** `name`, `name:alias`, or `/name:/this/alias`, as inspect shows it. */
function parseLink(text: string): Link {
  const [name = "", alias = name] = text.split(":");
  return name.startsWith("/") ? { target: name.slice(1), alias: alias.replace(/^.*\//, "") } : { target: name, alias };
}

/** The links of a container; on networks of users they are names that the name server answers, and none of these. */
export function linksOf({ hostConfig }: Pick<ContainerRecord, "hostConfig">): Link[] {
  const texts = hostConfig.Links ?? [];
  if (texts.length === 0 || !isOnDefaultBridge(hostConfig)) return [];
  return texts.map(parseLink).filter(({ alias }) => alias !== "");
}

function isOnDefaultBridge(host: HostConfig): boolean {
  const mode = networkMode(host.NetworkMode);
  return mode.kind === "network" && mode.name === "bridge";
}

/**
 * Links as they are kept: by names, each alias once, to the container that has the network.
 * @throws invalid for one to a container in the host's network, as Docker says it.
 */
export function settledLinks(host: HostConfig, registry: ContainerRegistry): HostConfig {
  const texts = host.Links ?? [];
  if (texts.length === 0 || !isOnDefaultBridge(host)) return host;
  const links = new Map<string, string>();
  for (const { target, alias } of texts.map(parseLink)) {
    const { name } = networkOwner(registry.resolve(target), registry);
    if (alias !== "" && !links.has(alias)) links.set(alias, `${name}:${alias}`);
  }
  return { ...host, Links: [...links.values()] };
}

function networkOwner(entry: ContainerEntry, registry: ContainerRegistry): ContainerEntry {
  const mode = networkMode(entry.record.hostConfig.NetworkMode);
  if (mode.kind === "host") {
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  const other = mode.kind === "container" ? registry.find(mode.ref) : undefined;
  // A container cannot be made in its own network, nor in that of one that is made later.
  return other === undefined ? entry : networkOwner(other, registry);
}

/** Names that containers have by links to them, by the container's own. */
export function linkNames(entries: Iterable<ContainerEntry>): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { record } of entries) {
    for (const { target, alias } of linksOf(record)) {
      names.set(target, [...(names.get(target) ?? []), `${record.name}/${alias}`]);
    }
  }
  return names;
}

export function withoutLink(record: ContainerRecord, alias: string): ContainerRecord {
  const { hostConfig } = record;
  const Links = (hostConfig.Links ?? []).filter((text) => parseLink(text).alias !== alias);
  return { ...record, hostConfig: { ...hostConfig, Links } };
}

/** The address on the default bridge of a container that runs. */
type BridgeAddress = (entry: ContainerEntry) => string | undefined;

export function bridgeAddresses(networks: Pick<NetworkService, "shown">): BridgeAddress {
  // Of a container on an internal bridge without IPv4 it is an empty text.
  return ({ id }) => networks.shown(id)?.endpoints["bridge"]?.IPAddress || undefined;
}

/**
 * The variables that links add to a container's environment.
 * @param missing what becomes of links to containers that do not run or have left the bridge: a start is refused for them,
 * a command in a running container goes without.
 * @throws unknown, in Docker's words, for such a link.
 */
export function linkEnv(
  record: ContainerRecord,
  {
    registry,
    addressOf,
    missing,
  }: { registry: ContainerRegistry; addressOf: BridgeAddress; missing: "refuse" | "skip" },
): string[] {
  // It may have left the bridge since.
  if (!Object.hasOwn(record.endpoints, "bridge")) return [];
  return linksOf(record).flatMap(({ target, alias }) => {
    const name = `/${record.name}/${alias}`;
    const entry = registry.byName(target);
    const running = entry?.state.phase.kind === "running" ? entry : undefined;
    const address = running && addressOf(running);
    if (running !== undefined && address !== undefined) return variablesOf(name, address, running.record.config);
    if (missing === "skip") return [];
    throw running === undefined ? linkedNotRunning(target, name) : linkedNotOnBridge(running.id);
  });
}

interface Port {
  readonly number: number;
  readonly protocol: string;
}

/** `DB_PORT…`, `DB_NAME` and `DB_ENV_…` of a link, in dockerd's order. */
function variablesOf(name: string, address: string, config: ContainerRecord["config"]): string[] {
  const prefix = name.replace(/^.*\//, "").toUpperCase().replaceAll("-", "_");
  const ports = Object.keys(config.ExposedPorts ?? {})
    .map(parsePort)
    .filter(({ number }) => Number.isInteger(number))
    .sort(
      (a, b) =>
        Number(b.protocol === "tcp") - Number(a.protocol === "tcp") ||
        a.protocol.localeCompare(b.protocol) ||
        a.number - b.number,
    );
  const url = ({ protocol, number }: Port) => `${protocol}://${address}:${number}`;
  const [first] = ports;
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]),
    ...ports.flatMap((port) => {
      const own = variableOf(prefix, port);
      return [
        `${own}=${url(port)}`,
        `${own}_ADDR=${address}`,
        `${own}_PORT=${port.number}`,
        `${own}_PROTO=${port.protocol}`,
      ];
    }),
    ...rangesOf(ports).flatMap(([start, end]) => {
      const own = variableOf(prefix, start);
      return [
        `${own}_START=${url(start)}`,
        `${own}_PORT_START=${start.number}`,
        `${own}_END=${url(end)}`,
        `${own}_PORT_END=${end.number}`,
      ];
    }),
    `${prefix}_NAME=${name}`,
    ...(config.Env ?? [])
      .filter((entry) => entry.includes("=") && !/^(HOME|PATH)=/.test(entry))
      .map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

function variableOf(prefix: string, { number, protocol }: Port): string {
  return `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
}

function parsePort(text: string): Port {
  const [number, protocol = "tcp"] = text.split("/");
  return { number: Number(number), protocol };
}

/** First and last of each run of two or more ports in a row. */
function rangesOf(ports: readonly Port[]): Array<[Port, Port]> {
  const ranges: Array<[Port, Port]> = [];
  let from = 0;
  for (const [index, port] of ports.entries()) {
    const next = ports[index + 1];
    if (next?.protocol === port.protocol && next.number === port.number + 1) continue;
    const start = ports[from];
    if (start !== undefined && index > from) ranges.push([start, port]);
    from = index + 1;
  }
  return ranges;
}
