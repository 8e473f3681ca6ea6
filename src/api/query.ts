import type { Filters } from "./backends/index.ts";
import { badNumber, badResize, badSpan } from "./errors.ts";
import { parseFilters } from "./filters.ts";
import type { ApiVersionText } from "./version.ts";

/** One query parameter: how its text is read, and what it is when it is absent. */
export interface QueryParam<T> {
  readonly type: "string" | "boolean" | "integer" | "list" | "filters" | "time";
  /** Shown in the reference. */
  readonly fallback: string;
  readonly since?: ApiVersionText;
  /** Filter keys, or the closed set of values. */
  readonly values?: readonly string[];
  /**
   * @param texts every value given, in order; undefined when the name is absent.
   * @param before what those have that stand before this one in the row.
   */
  read(texts: readonly string[] | undefined, name: string, before?: Readonly<Record<string, unknown>>): T;
}

type Since = { since?: ApiVersionText };

const FALSE = new Set(["", "0", "no", "false", "none"]);

/** Docker's reading of a boolean: what is not one of the false words is true. */
export function parseBoolean(text: string): boolean {
  return !FALSE.has(text.trim().toLowerCase());
}

export function boolean(fallback: boolean, options: Since = {}): QueryParam<boolean> {
  return {
    type: "boolean",
    fallback: String(fallback),
    ...options,
    read: (texts) => (texts?.[0] === undefined ? fallback : parseBoolean(texts[0])),
  };
}

/** Absent and empty are the same, as in Docker's routers. */
export function string(options: Since & { fallback?: string } = {}): QueryParam<string | undefined> {
  return {
    type: "string",
    fallback: options.fallback ?? "",
    ...(options.since === undefined ? {} : { since: options.since }),
    read: (texts) => texts?.[0] || undefined,
  };
}

export function integer(options: Since = {}): QueryParam<number | undefined> {
  return {
    type: "integer",
    fallback: "",
    ...options,
    read: (texts) => (texts?.[0] === undefined || texts[0] === "" ? undefined : parseInteger(texts[0])),
  };
}

/** @throws invalid with Go's text when it is no decimal integer. */
export function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw badNumber("Atoi", text);
  if (BigInt.asIntN(64, BigInt(text.replace("+", ""))) !== BigInt(text.replace("+", "")))
    throw badNumber("Atoi", text, "value out of range");
  return Number(text);
}

/** A side of a terminal: required, unsigned. */
export function terminalSide(side: "height" | "width"): QueryParam<number> {
  return {
    type: "integer",
    fallback: "required",
    read: (texts) => {
      const text = texts?.[0] ?? "";
      if (!/^[+-]?\d+$/.test(text)) throw badResize(side, text, "invalid syntax");
      const value = Number(text);
      if (value < 0 || value > 0xffff_ffff) throw badResize(side, text, "value out of range");
      return value;
    },
  };
}

/** A name that may be given several times. */
export function list(options: Since = {}): QueryParam<readonly string[]> {
  return { type: "list", fallback: "", ...options, read: (texts) => texts?.filter((text) => text !== "") ?? [] };
}

export function filters(accepted: readonly string[], options: Since = {}): QueryParam<Filters> {
  return {
    type: "filters",
    fallback: "",
    values: accepted,
    ...options,
    read: (texts) => parseFilters(texts?.[0] ?? "", accepted),
  };
}

/**
 * An instant: seconds since 1970 with optional fraction, as nanoseconds; 0, empty and absent are undefined.
 * @param after the time before this one in the row that it may not come before.
 */
export function time({ after, ...options }: Since & { after?: string } = {}): QueryParam<bigint | undefined> {
  return {
    type: "time",
    fallback: "",
    ...options,
    read: (texts, name, before) => {
      const at = parseTimestamp(texts?.[0] ?? "");
      const start = after === undefined ? undefined : before?.[after];
      if (after !== undefined && typeof start === "bigint" && at !== 0n && at < start) {
        throw badSpan({ name: after, at: start }, { name, at });
      }
      return at === 0n ? undefined : at;
    },
  };
}

/** @throws invalid with Go's text when it is not `SECONDS[.FRACTION]`. */
export function parseTimestamp(text: string): bigint {
  if (text === "") return 0n;
  const [, sign, seconds, fraction] = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined) {
    const [whole = "", ...rest] = text.split(".");
    throw badNumber("ParseInt", /^[+-]?\d+$/.test(whole) ? rest.join(".") : whole);
  }
  if (BigInt(seconds) > 0x7fff_ffff_ffff_ffffn) throw badNumber("ParseInt", text, "value out of range");
  const nanos = BigInt(seconds) * 1_000_000_000n + BigInt((fraction ?? "").slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -nanos : nanos;
}
