import { textFilter, type Filters } from "../api/index.ts";
import { invalid } from "../base/index.ts";
import { badFilter, badFilterValue } from "./errors.ts";
import type { VolumeRow } from "./rows.ts";

/** Volumes that pass `docker volume ls --filter`. @throws invalid. */
export function listed(rows: readonly VolumeRow[], filters: Filters, inUse: (name: string) => boolean): VolumeRow[] {
  const tests = [...filters].map(([key, values]) => testOf(key, values, inUse));
  return rows.filter((row) => tests.every((passes) => passes(row)));
}

function testOf(key: string, values: readonly string[], inUse: (name: string) => boolean): (row: VolumeRow) => boolean {
  if (values.length === 0) return () => true;
  switch (key) {
    case "name": {
      const test = textFilter(values);
      return (row) => test(row.name);
    }
    case "driver":
      return (row) => values.includes(row.driver);
    case "label":
      return (row) => values.every((value) => hasLabel(row, value));
    case "dangling": {
      const wanted = truth(values);
      if (wanted === undefined) throw badFilterValue(key, values);
      return (row) => wanted === !inUse(row.name);
    }
    default:
      throw badFilter(key);
  }
}

/** Volumes that `docker volume prune --filter` takes: unused ones, and only anonymous ones unless `all`. @throws invalid. */
export function prunable(rows: readonly VolumeRow[], filters: Filters, inUse: (name: string) => boolean): VolumeRow[] {
  for (const key of filters.keys()) if (!["label", "label!", "all"].includes(key)) throw badFilter(key);
  const all = everything(filters.get("all") ?? []);
  const labels = filters.get("label") ?? [];
  const without = filters.get("label!") ?? [];
  return rows.filter(
    (row) =>
      !inUse(row.name) &&
      (all || row.anonymous) &&
      labels.every((label) => hasLabel(row, label)) &&
      !without.some((label) => hasLabel(row, label)),
  );
}

function everything(values: readonly string[]): boolean {
  const value = values[0];
  if (value === undefined) return false;
  const chosen = truth([value]);
  if (chosen === undefined) {
    // Go's words: clients print them.
    throw invalid(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
  }
  return chosen;
}

/** `key` or `key=value`. */
function hasLabel(row: VolumeRow, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return row.labels?.[wanted] !== undefined;
  return row.labels?.[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** Go's strconv.ParseBool on the only value. */
function truth(values: readonly string[]): boolean | undefined {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) return undefined;
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  return undefined;
}
