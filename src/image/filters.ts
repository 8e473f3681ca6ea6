import type { Filters } from "../api/index.ts";
import { matchesGlob } from "node:path";
import { familiarName, familiarReference, type Reference } from "../spec/index.ts";
import type { Catalog, ImageRow } from "./catalog.ts";
import { badTime, invalidFilter, invalidFilterValue } from "./errors.ts";
import { resolveImage } from "./resolve.ts";

const LIST_FILTERS = new Set(["dangling", "label", "before", "since", "reference", "until"]);
const PRUNE_FILTERS = new Set(["dangling", "label", "label!", "until"]);

export interface ImageFilter {
  /** Only images without (true) or with (false) names. */
  dangling: boolean | undefined;
  /** Patterns that a name must match; empty: any. */
  references: readonly string[];
  /** The rest. */
  accepts(image: ImageRow): boolean;
}

/** Filters of `docker images`. @throws invalid for unknown ones; not-found for an image that before or since names. */
export function listFilter(catalog: Catalog, filters: Filters): ImageFilter {
  checkNames(filters, LIST_FILTERS);
  const createdOf = (name: string): number => createdAt(resolveImage(catalog, name));
  const before = (filters.get("before") ?? []).map(createdOf);
  const since = (filters.get("since") ?? []).map(createdOf);
  const rest = commonFilter(filters);
  return {
    dangling: readBoolean(filters, "dangling"),
    references: filters.get("reference") ?? [],
    accepts: (image) => {
      const at = createdAt(image);
      return rest(image) && before.every((limit) => at < limit) && since.every((limit) => at > limit);
    },
  };
}

/** Filters of `docker image prune`; `dangling` is true unless it says otherwise. */
export function pruneFilter(filters: Filters): ImageFilter {
  checkNames(filters, PRUNE_FILTERS);
  const rest = commonFilter(filters);
  const unwanted = filters.get("label!") ?? [];
  return {
    dangling: readBoolean(filters, "dangling") ?? true,
    references: [],
    accepts: (image) => rest(image) && !(unwanted.length > 0 && unwanted.every((label) => hasLabel(image, label))),
  };
}

/** Docker matches a pattern against the whole familiar name and against its repository alone. */
export function matchesReference(reference: Reference, pattern: string): boolean {
  return [familiarReference(reference), familiarName(reference)].some((name) => goMatch(pattern, name));
}

/** Milliseconds since 1970 of the config's `created`. */
export function createdAt(image: ImageRow): number {
  const at = Date.parse(image.config.created ?? "");
  return Number.isNaN(at) ? 0 : at;
}

function commonFilter(filters: Filters): (image: ImageRow) => boolean {
  const labels = filters.get("label") ?? [];
  const until = (filters.get("until") ?? []).map((value) => parseInstant(value, Date.now()));
  return (image) => labels.every((label) => hasLabel(image, label)) && until.every((limit) => createdAt(image) < limit);
}

function hasLabel(image: ImageRow, filter: string): boolean {
  const equals = filter.indexOf("=");
  const key = equals < 0 ? filter : filter.slice(0, equals);
  const value = image.config.config?.Labels?.[key];
  return value !== undefined && (equals < 0 || value === filter.slice(equals + 1));
}

function checkNames(filters: Filters, known: ReadonlySet<string>): void {
  for (const name of filters.keys()) if (!known.has(name)) throw invalidFilter(name);
}

/**
 * A filter that is yes or no; undefined when it is not given. Docker's command sends its own choice beside the user's.
 * @throws invalid when no value says which, or values say both.
 */
export function readBoolean(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (values === undefined || values.length === 0) return undefined;
  const yes = values.some((value) => value === "1" || value === "true");
  const no = values.some((value) => value === "0" || value === "false");
  if (yes === no) throw invalidFilterValue(name, values);
  return yes;
}

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A Go duration before now, Unix seconds, or a date. @throws invalid with Docker's text. */
export function parseInstant(value: string, now: number): number {
  if (/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(value)) {
    const parts = value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
    return now - [...parts].reduce((sum, [, amount, unit = "s"]) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
  }
  if (/^\d+(?:\.\d{1,9})?$/.test(value)) return Number(value) * 1000;
  const date = /^\d{4}-\d{2}-\d{2}(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:\d{2})?)?Z?$/.test(value);
  const at = date ? Date.parse(completeDate(value)) : Number.NaN;
  if (Number.isNaN(at)) throw badTime(value);
  return at;
}

/** `2006-01-02T15` lacks what Date.parse wants to see. */
function completeDate(value: string): string {
  return value.replace(/T(\d{2})(Z|[+-]|$)/, "T$1:00$2");
}

/** Go's path.Match: like a shell's, `*` stops at `/`. */
function goMatch(pattern: string, name: string): boolean {
  return !pattern.includes("**") ? matchesGlob(name, pattern) : matchesGlob(name, pattern.replaceAll(/\*+/g, "*"));
}
