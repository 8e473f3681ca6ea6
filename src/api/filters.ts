import type { Filters } from "./backends/index.ts";
import { compileRegex, RegexError } from "../regex/index.ts";
import { invalidFilter } from "./errors.ts";

const NONE: Filters = new Map();

/**
 * Reads a `filters` parameter, in the form `{"key":["value"]}` or the older `{"key":{"value":true}}`.
 * @param accepted the keys that the operation knows.
 * @throws invalid `invalid filter` when it is neither form, `invalid filter 'KEY'` for a key that is not accepted.
 */
export function parseFilters(text: string, accepted: readonly string[]): Filters {
  if (text === "") return NONE;
  const filters = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parseObject(text))) {
    if (!accepted.includes(key)) throw invalidFilter(key);
    filters.set(key, valuesOf(value));
  }
  return filters;
}

/** The form in which clients send filters. */
export function formatFilters(filters: Filters): string {
  return filters.size === 0 ? "" : JSON.stringify(Object.fromEntries(filters));
}

/**
 * The test that Docker's filters by name or id mean: a value is the text itself, or an expression that matches somewhere in
 * it. One that is no expression matches nothing else than itself.
 */
export function textFilter(values: readonly string[]): (text: string) => boolean {
  const expressions = values.flatMap((value) => {
    try {
      return [compileRegex(value)];
    } catch (error) {
      if (error instanceof RegexError) return [];
      throw error;
    }
  });
  return (text) => values.includes(text) || expressions.some((expression) => expression.test(text));
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidFilter();
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw invalidFilter();
  return value as Record<string, unknown>; // an object that is no array
}

function valuesOf(value: unknown): readonly string[] {
  if (value === null) return [];
  const values = Array.isArray(value) ? value : oldForm(value);
  if (!values.every((item) => typeof item === "string")) throw invalidFilter();
  return [...new Set(values)];
}

function oldForm(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) throw invalidFilter();
  const entries = Object.entries(value);
  if (!entries.every(([, chosen]) => typeof chosen === "boolean")) throw invalidFilter();
  return entries.map(([key]) => key);
}
