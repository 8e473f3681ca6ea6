import { FlagError } from "./errors.ts";
import { parseBytes, parseDuration, parseNanoCpus } from "./units.ts";

/**
 * One flag of a command: how it is written, what it holds, what help says. Names are the keys of a command's flag table.
 * Parsing follows pflag, which Docker's command line is built on.
 */
export interface Flag<T> {
  /** What help shows for the value; empty for booleans. */
  readonly type: string;
  readonly help: string;
  readonly short?: string | undefined;
  /** `(default …)` of help, as printed. */
  readonly shownDefault?: string | undefined;
  readonly hidden?: boolean | undefined;
  /** Said on standard error when the flag is used. */
  readonly deprecated?: string | undefined;
  /** Refused, since only such engines know it: in the words of Docker's command, which asks the engine what it is. */
  readonly onlyWith?: "Windows" | "experimental features" | undefined;
  /** The flag that this is another name of: its values are kept there, in the order in which they were given. */
  readonly sameAs?: string | undefined;
  readonly initial: T;
  /** What a flag without value means (booleans); others need one. */
  readonly bare?: string | undefined;
  /** The value after this occurrence. @throws FlagError with the reason. */
  parse(text: string, before: T, isFirst: boolean): T;
}

/*
 * What makes flags is called for each flag of a command before that does anything. A function that is called more than some
 * thirty times is compiled by the JIT, whose start, with a thread of its own, takes a fifth of the time of `berth run`. So
 * there is one for the flags that only have a name, and one for the others.
 */

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;
export type FlagValues<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

export interface FlagOptions {
  short?: string;
  hidden?: boolean;
  deprecated?: string;
  sameAs?: string;
  onlyWith?: "Windows" | "experimental features";
  shownDefault?: string;
}

export function bool(help: string, options: FlagOptions & { initial?: boolean } = {}): Flag<boolean> {
  const initial = options.initial ?? false;
  return {
    ...options,
    type: "",
    help,
    initial,
    bare: "true",
    ...(initial ? { shownDefault: "true" } : {}),
    parse: parseBool,
  };
}

export function string(help: string, options: FlagOptions & { initial?: string } = {}): Flag<string> {
  const initial = options.initial ?? "";
  const shownDefault = options.shownDefault ?? (initial === "" ? undefined : JSON.stringify(initial));
  return { ...options, shownDefault, type: "string", help, initial, parse: (text) => text };
}

/** One value, with nothing to say of it but what it is for. */
export function plain(help: string): Flag<string> {
  return { type: "string", help, initial: "", parse: (text) => text };
}

/** As `plain`, given again and again. */
export function plainList(help: string): Flag<readonly string[]> {
  return { type: "list", help, initial: [], parse: (text, before) => [...before, text] };
}

/** May be given again and again; each value is kept as it is. */
export function list(
  help: string,
  options: FlagOptions & { type?: string; check?: (text: string) => string } = {},
): Flag<readonly string[]> {
  const check = options.check ?? ((text: string) => text);
  return {
    ...options,
    type: options.type ?? "list",
    help,
    initial: [],
    parse: (text, before) => [...before, check(text)],
  };
}

/** A list whose values may also be joined by commas. */
export function strings(help: string, options: FlagOptions = {}): Flag<readonly string[]> {
  return { ...options, type: "strings", help, initial: [], parse: (text, before) => [...before, ...splitCsv(text)] };
}

/** A value of `--link`: `container[:alias]`. @throws FlagError */
export function checkLink(text: string): string {
  if (text === "") throw new FlagError("empty string specified for links");
  if (text.split(":").length > 2) throw new FlagError(`bad format for links: ${text}`);
  return text;
}

/** `key=value` or `key`, again and again. */
export function labels(options: FlagOptions = {}): Flag<readonly string[]> {
  return {
    ...options,
    type: "list",
    help: "Set a label",
    initial: [],
    parse: (text, before) => [...before, label(text)],
  };
}

/** A label without white space before its name. @throws FlagError for what names nothing. */
function label(text: string): string {
  const name = text.replace(/=.*$/s, "").trimStart();
  if (name === "") throw new FlagError(`invalid label '${text}': empty name`);
  if (/\s/.test(name)) throw new FlagError(`label '${name}' contains whitespaces`);
  return text.trimStart();
}

/** `key=value`, again and again. */
export function map(
  help: string,
  options: FlagOptions & { check?: (text: string) => string } = {},
): Flag<Readonly<Record<string, string>>> {
  return {
    shownDefault: "map[]",
    ...options,
    type: "map",
    help,
    initial: {},
    parse: (given, before) => {
      const text = options.check?.(given) ?? given;
      const equals = text.indexOf("=");
      return { ...before, [equals === -1 ? text : text.slice(0, equals)]: equals === -1 ? "" : text.slice(equals + 1) };
    },
  };
}

export type Filters = Readonly<Record<string, readonly string[]>>;

/** `name=value` conditions, several values a name. */
export function filter(help: string, options: FlagOptions = {}): Flag<Filters> {
  return {
    ...options,
    type: "filter",
    help,
    initial: {},
    parse: (text, before) => {
      if (text === "") return before;
      const equals = text.indexOf("=");
      if (equals === -1) throw new FlagError("bad format of filter (expected name=value)");
      const name = text.slice(0, equals).trim().toLowerCase();
      const value = text.slice(equals + 1).trim();
      return { ...before, [name]: [...(before[name] ?? []), value] };
    },
  };
}

export function int(help: string, options: FlagOptions & { initial?: number; type?: string } = {}): Flag<number> {
  const initial = options.initial ?? 0;
  const shownDefault = options.shownDefault ?? (initial === 0 ? undefined : String(initial));
  return {
    ...options,
    shownDefault,
    type: options.type ?? "int",
    help,
    initial,
    parse: (text) => parseInteger(text, "ParseInt", -(2 ** 63), 2 ** 63),
  };
}

export function uint(help: string, options: FlagOptions & { bits?: number; type?: string } = {}): Flag<number> {
  const limit = 2 ** (options.bits ?? 64);
  return {
    ...options,
    type: options.type ?? "uint",
    help,
    initial: 0,
    parse: (text) => parseInteger(text, "ParseUint", 0, limit),
  };
}

/** Memory and other sizes; -1 is taken where the caller says what it means. */
export function bytes(help: string, options: FlagOptions & { allowUnlimited?: boolean } = {}): Flag<number> {
  return {
    ...options,
    type: "bytes",
    help,
    initial: 0,
    parse: (text) => (options.allowUnlimited === true && text === "-1" ? -1 : parseBytes(text)),
  };
}

/** A Go duration, in nanoseconds. */
export function duration(help: string, options: FlagOptions = {}): Flag<number> {
  return { shownDefault: "0s", ...options, type: "duration", help, initial: 0, parse: (text) => parseDuration(text) };
}

/** A number of CPUs, in billionths. */
export function cpus(help: string): Flag<number> {
  return { type: "decimal", help, initial: 0, parse: (text) => parseNanoCpus(text) };
}

/** A truth value as Go reads it; undefined: it is none. */
export function truthOf(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}

/** @throws FlagError for what is no truth value. */
export function parseBool(text: string): boolean {
  const truth = truthOf(text);
  if (truth !== undefined) return truth;
  throw new FlagError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseInteger(text: string, parser: "ParseInt" | "ParseUint", low: number, high: number): number {
  const quoted = JSON.stringify(text);
  // pflag parses with base 0: 0x, 0o and 0b are numbers too
  const match = (
    parser === "ParseInt"
      ? /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)$/
      : /^()(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)$/
  ).exec(text);
  if (match === null) throw new FlagError(`strconv.${parser}: parsing ${quoted}: invalid syntax`);
  const digits = match[2] ?? "0";
  const literal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  const value = Number(literal) * (match[1] === "-" ? -1 : 1);
  const isInRange = value >= low && (value < high || (value === high && BigInt(literal) < BigInt(high)));
  if (!isInRange) throw new FlagError(`strconv.${parser}: parsing ${quoted}: value out of range`);
  return Math.min(value, justBelow(high));
}

/** The greatest double below a power of two: what is nearest to the greatest integers may be more than they are. */
function justBelow(power: number): number {
  return power - power * 2 ** -53;
}

/** One line of comma-separated values with quotes. @throws FlagError for stray quotes. */
export function splitCsv(text: string): string[] {
  if (text === "") return [];
  const fields: string[] = [];
  let at = 0;
  while (at <= text.length) {
    if (text[at] === '"') {
      const match = /^"((?:[^"]|"")*)"(?:,|$)/.exec(text.slice(at));
      if (match === null) {
        const closed = /^"(?:[^"]|"")*"/.exec(text.slice(at));
        const column = closed === null ? text.length + 1 : at + closed[0].length;
        throw new FlagError(`parse error on line 1, column ${column}: extraneous or missing " in quoted-field`);
      }
      fields.push((match[1] ?? "").replaceAll('""', '"'));
      at += match[0].length;
      if (!match[0].endsWith(",")) break;
      continue;
    }
    const comma = text.indexOf(",", at);
    const field = text.slice(at, comma === -1 ? undefined : comma);
    if (field.includes('"'))
      throw new FlagError(`parse error on line 1, column ${at + field.indexOf('"') + 1}: bare " in non-quoted-field`);
    fields.push(field);
    if (comma === -1) break;
    at = comma + 1;
  }
  return fields;
}
