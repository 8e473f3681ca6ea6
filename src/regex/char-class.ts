import type { CharTest } from "./ast.ts";
import { RegexError } from "./errors.ts";
import type { Cursor } from "./cursor.ts";
import { readEscape } from "./escape.ts";

/** Go's perl and POSIX classes have ASCII only; as pieces of JavaScript's classes with the flag `v`. */
const PERL: Record<string, string> = {
  d: "[0-9]",
  D: "[^0-9]",
  s: "[\\t\\n\\f\\r\\x20]",
  S: "[^\\t\\n\\f\\r\\x20]",
  w: "[0-9A-Za-z_]",
  W: "[^0-9A-Za-z_]",
};
const POSIX: Record<string, string> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t\\x20",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
  space: "\\t\\n\\v\\f\\r\\x20",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
/** The end of a POSIX class is looked for no further away: no name is as long. */
const FAR = 64;
/** Of characters whose answer a class keeps. */
const MOST_KNOWN = 1024;

/**
 * The test that a class of JavaScript (flag `v`) means for one character: matching one character takes no time to speak of,
 * whatever the class.
 */
export function classTest(source: string, foldCase: boolean): CharTest {
  const expression = new RegExp(source, foldCase ? "iv" : "v");
  const known = new Map<number, boolean>();
  return (char) => {
    const found = known.get(char);
    if (found !== undefined) return found;
    const matches = expression.test(String.fromCodePoint(char));
    if (known.size < MOST_KNOWN) known.set(char, matches);
    return matches;
  };
}

/** One character. */
export function literalTest(char: number, foldCase: boolean): CharTest {
  if (!foldCase) return (other) => other === char;
  return classTest(`[${escaped(char)}]`, true);
}

/**
 * `[…]`, from its bracket on.
 * @returns the class in JavaScript's syntax with the flag `v`.
 * @throws RegexError
 */
export function readClass(cursor: Cursor): string {
  const start = cursor.at;
  cursor.at += 1;
  const negated = cursor.take("^");
  const items: string[] = [];
  for (let first = true; first || cursor.peek() !== "]"; first = false) {
    items.push(readPosix(cursor) ?? readGroupEscape(cursor) ?? readRange(cursor, start));
  }
  cursor.at += 1;
  return `[${negated ? "^" : ""}${items.join("")}]`;
}

/** `\d`, `\pL`, `\p{Greek}` and their opposites; undefined for all else. @throws RegexError for an unknown group. */
export function readGroupEscape(cursor: Cursor): string | undefined {
  if (cursor.peek() !== "\\") return undefined;
  const kind = cursor.peek(1) ?? "";
  if (Object.hasOwn(PERL, kind)) {
    cursor.at += 2;
    return PERL[kind];
  }
  if (kind !== "p" && kind !== "P") return undefined;
  return readUnicodeGroup(cursor, kind === "P");
}

function readUnicodeGroup(cursor: Cursor, opposite: boolean): string {
  const start = cursor.at;
  const braced = cursor.peek(2) === "{";
  const end = braced ? cursor.indexOf("}", start) : start + 2;
  if (end < 0) throw new RegexError("invalid character class range", cursor.rest(start));
  cursor.at = end + 1;
  const name = cursor.slice(start + (braced ? 3 : 2), end + (braced ? 0 : 1));
  const caret = braced && name.startsWith("^");
  const group = unicodeGroup(caret ? name.slice(1) : name);
  if (group === undefined) throw new RegexError("invalid character class range", cursor.from(start));
  return opposite === caret ? `[${group}]` : `[^${group}]`;
}

/** Go names general categories and scripts, and `Any`. */
function unicodeGroup(name: string): string | undefined {
  if (!/^\w+$/.test(name)) return undefined;
  const candidates = name === "Any" ? ["\\p{Any}"] : [`\\p{General_Category=${name}}`, `\\p{Script=${name}}`];
  return candidates.find((candidate) => {
    try {
      return new RegExp(candidate, "v") instanceof RegExp;
    } catch {
      return false;
    }
  });
}

/** `[:alpha:]`, `[:^alpha:]` inside of a class. */
function readPosix(cursor: Cursor): string | undefined {
  if (cursor.peek() !== "[" || cursor.peek(1) !== ":") return undefined;
  const start = cursor.at;
  const [all, caret, plain] = /^\[:(\^?)(.*?):\]/s.exec(cursor.slice(start, start + FAR)) ?? [];
  if (all === undefined || caret === undefined || plain === undefined) return undefined;
  cursor.at = start + Array.from(all).length;
  if (!Object.hasOwn(POSIX, plain)) throw new RegexError("invalid character class range", cursor.from(start));
  return `[${caret}${POSIX[plain]}]`;
}

/** `a` or `a-z`. */
function readRange(cursor: Cursor, classStart: number): string {
  const start = cursor.at;
  const low = readClassChar(cursor, classStart);
  const next = cursor.peek(1);
  if (cursor.peek() !== "-" || next === undefined || next === "]") return escaped(low);
  cursor.at += 1;
  const high = readClassChar(cursor, classStart);
  if (high < low) throw new RegexError("invalid character class range", cursor.from(start));
  return `${escaped(low)}-${escaped(high)}`;
}

function readClassChar(cursor: Cursor, classStart: number): number {
  const char = cursor.peek();
  if (char === undefined) throw new RegexError("missing closing ]", cursor.rest(classStart));
  if (char === "\\") return readEscape(cursor);
  cursor.at += 1;
  return char.codePointAt(0) ?? 0;
}

function escaped(char: number): string {
  return `\\u{${char.toString(16)}}`;
}
