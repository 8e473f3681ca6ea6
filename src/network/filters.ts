import { textFilter, type Filters } from "../api/index.ts";
import { invalid } from "../base/index.ts";
import { PREDEFINED } from "./create.ts";
import type { NetworkRecord } from "./records.ts";

/** Networks that pass `docker network ls --filter`. @param inUse true when a network has endpoints. */
export function listed(
  networks: readonly NetworkRecord[],
  filters: Filters,
  inUse: (network: NetworkRecord) => boolean,
): NetworkRecord[] {
  const names = textFilter(filters.get("name") ?? []);
  const ids = textFilter(filters.get("id") ?? []);
  return networks.filter((network) =>
    [...filters].every(([key, values]) => {
      if (values.length === 0) return true;
      if (key === "name") return names(network.name);
      if (key === "id") return ids(network.id);
      return passes(network, key, values, inUse);
    }),
  );
}

function passes(
  network: NetworkRecord,
  key: string,
  values: readonly string[],
  inUse: (network: NetworkRecord) => boolean,
): boolean {
  switch (key) {
    case "driver":
      return values.includes(network.driver);
    case "label":
      return values.every((value) => hasLabel(network, value));
    case "scope":
      return values.includes("local");
    case "type":
      return values.some((value) => typeMatches(network, value));
    case "dangling":
      return values.every((value) => truth(key, value) === (!isPredefined(network) && !inUse(network)));
    default:
      throw invalid(`invalid filter '${key}'`);
  }
}

function typeMatches(network: NetworkRecord, type: string): boolean {
  if (type !== "custom" && type !== "builtin") throw invalid(`invalid filter: 'type'='${type}'`);
  return (type === "builtin") === isPredefined(network);
}

/** Networks that `docker network prune --filter` may remove: own ones that nobody uses. */
export function prunable(
  networks: readonly NetworkRecord[],
  filters: Filters,
  inUse: (network: NetworkRecord) => boolean,
): NetworkRecord[] {
  for (const key of filters.keys())
    if (!["label", "label!", "until"].includes(key)) throw invalid(`invalid filter '${key}'`);
  const until = (filters.get("until") ?? []).map(instant);
  return networks.filter(
    (network) =>
      !isPredefined(network) &&
      !inUse(network) &&
      (filters.get("label") ?? []).every((value) => hasLabel(network, value)) &&
      !(filters.get("label!") ?? []).some((value) => hasLabel(network, value)) &&
      until.every((limit) => Date.parse(network.created) < limit),
  );
}

export function isPredefined(network: NetworkRecord): boolean {
  return PREDEFINED.includes(network.name);
}

function hasLabel(network: NetworkRecord, filter: string): boolean {
  const at = filter.indexOf("=");
  if (at < 0) return filter in network.labels;
  return network.labels[filter.slice(0, at)] === filter.slice(at + 1);
}

function truth(key: string, value: string): boolean {
  if (["1", "true"].includes(value)) return true;
  if (["0", "false"].includes(value)) return false;
  throw invalid(`invalid filter '${key}=${value}'`);
}

const UNITS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A time (seconds since 1970, RFC 3339) or an age (`1h30m`), as milliseconds since 1970. */
function instant(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) {
    const age = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)].reduce(
      (sum, [, digits, unit]) => sum + Number(digits) * (UNITS[unit ?? ""] ?? 0),
      0,
    );
    return Date.now() - age;
  }
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) throw invalid(`invalid filter 'until=${text}'`);
  return parsed;
}
