import type { Assertion, Bounds, Node } from "./ast.ts";
import { classTest, literalTest, readClass, readGroupEscape } from "./char-class.ts";
import { Cursor } from "./cursor.ts";
import { RegexError } from "./errors.ts";
import { readEscape } from "./escape.ts";

interface Flags {
  foldCase: boolean;
  multiLine: boolean;
  dotAll: boolean;
}

/** An open group: what stands before it returns when it closes. */
interface Frame {
  flags: Flags;
  alternatives: Node[];
  parts: Node[];
}

/** Go's own bounds. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 1000;
/** Longer ones are not of people, and reading some takes time that grows with the square of it. */
const MAX_LENGTH = 4096;

const ASSERTIONS: Record<string, Assertion> = { A: "text-start", z: "text-end", b: "word-edge", B: "no-word-edge" };

const OPERATORS: Record<string, Bounds> = {
  "*": { min: 0, max: undefined },
  "+": { min: 1, max: undefined },
  "?": { min: 0, max: 1 },
};

/** Reads an expression of RE2's syntax as Go's regexp does. @throws RegexError with Go's text. */
export function parse(text: string): Node {
  if (text.length > MAX_LENGTH) throw new RegexError("expression too large", `${text.slice(0, 32)}…`);
  return new Parser(text).run();
}

class Parser {
  private readonly cursor: Cursor;
  private readonly stack: Frame[] = [];
  private frame: Frame = newFrame({ foldCase: false, multiLine: false, dotAll: false });
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.cursor = new Cursor(text);
  }

  run(): Node {
    const { cursor } = this;
    /** Where the operator began that was read last, when nothing came after it. */
    let lastRepeat: number | undefined;
    for (let char = cursor.peek(); char !== undefined; char = cursor.peek()) {
      const start = cursor.at;
      const bounds = this.readRepeat(char);
      if (bounds !== undefined) this.repeat(bounds, start, lastRepeat);
      else this.readOne(char);
      lastRepeat = bounds === undefined ? undefined : start;
    }
    if (this.stack.length > 0) throw new RegexError("missing closing )", this.text);
    return closed(this.frame);
  }

  private readOne(char: string): void {
    const { cursor, frame } = this;
    const { foldCase, multiLine, dotAll } = frame.flags;
    switch (char) {
      case "(":
        return this.open();
      case ")":
        return this.close();
      case "|":
        cursor.at += 1;
        frame.alternatives.push(concat(frame.parts));
        frame.parts = [];
        return;
      case "^":
      case "$":
        cursor.at += 1;
        return this.assert(`${multiLine ? "line" : "text"}-${char === "^" ? "start" : "end"}`);
      case ".":
        cursor.at += 1;
        frame.parts.push({ type: "char", test: dotAll ? () => true : (other) => other !== 0x0a });
        return;
      case "[":
        frame.parts.push({ type: "char", test: classTest(readClass(cursor), foldCase) });
        return;
      case "\\":
        return this.readBackslash();
      default:
        cursor.at += 1;
        this.literal(char.codePointAt(0) ?? 0);
    }
  }

  private readBackslash(): void {
    const { cursor, frame } = this;
    const assertion = ASSERTIONS[cursor.peek(1) ?? ""];
    if (assertion !== undefined) {
      cursor.at += 2;
      return this.assert(assertion);
    }
    if (cursor.take("\\Q")) {
      const end = cursor.indexOf("\\E", cursor.at);
      for (const char of end < 0 ? cursor.rest(cursor.at) : cursor.slice(cursor.at, end)) {
        this.literal(char.codePointAt(0) ?? 0);
      }
      cursor.at = end < 0 ? cursor.chars.length : end + 2;
      return;
    }
    const group = readGroupEscape(cursor);
    if (group === undefined) this.literal(readEscape(cursor));
    else frame.parts.push({ type: "char", test: classTest(group, frame.flags.foldCase) });
  }

  private literal(char: number): void {
    this.frame.parts.push({ type: "char", test: literalTest(char, this.frame.flags.foldCase) });
  }

  private assert(what: Assertion): void {
    this.frame.parts.push({ type: "assert", what });
  }

  /** `(`, `(?:`, `(?P<name>`, `(?<name>`, `(?i:`; `(?i)` opens nothing. */
  private open(): void {
    const { cursor } = this;
    const start = cursor.at;
    if (!cursor.startsWith("(?")) {
      cursor.at += 1;
      return this.push(this.frame.flags);
    }
    const named = ["(?P<", "(?<"].find((prefix) => cursor.startsWith(prefix) && cursor.peek(prefix.length));
    if (named !== undefined) {
      const end = cursor.indexOf(">", start);
      if (end < 0) throw new RegexError("invalid named capture", cursor.rest(start));
      cursor.at = end + 1;
      if (!/^\w+$/.test(cursor.slice(start + named.length, end))) {
        throw new RegexError("invalid named capture", cursor.from(start));
      }
      return this.push(this.frame.flags);
    }
    cursor.at += 2;
    const { flags, opens } = readFlags(cursor, start, this.frame.flags);
    if (opens) this.push(flags);
    else this.frame.flags = flags;
  }

  private push(flags: Flags): void {
    if (this.stack.length >= MAX_DEPTH) throw new RegexError("expression nests too deeply", this.text);
    this.stack.push(this.frame);
    this.frame = newFrame(flags);
  }

  private close(): void {
    const outer = this.stack.pop();
    if (outer === undefined) throw new RegexError("unexpected )", this.text);
    this.cursor.at += 1;
    outer.parts.push(closed(this.frame));
    this.frame = outer;
  }

  /** `*`, `+`, `?` or `{2,3}`; undefined for all else. */
  private readRepeat(char: string): Bounds | undefined {
    const { cursor } = this;
    if (char === "{") return readBounds(cursor);
    const bounds = Object.hasOwn(OPERATORS, char) ? OPERATORS[char] : undefined;
    if (bounds !== undefined) cursor.at += 1;
    return bounds;
  }

  private repeat({ min, max }: Bounds, start: number, last: number | undefined): void {
    const { cursor, frame } = this;
    const operator = cursor.from(start);
    const isBad = min > MAX_REPEAT || (max !== undefined && (max > MAX_REPEAT || max < min));
    if (isBad) throw new RegexError("invalid repeat count", operator);
    cursor.take("?");
    if (last !== undefined) throw new RegexError("invalid nested repetition operator", cursor.from(last));
    const part = frame.parts.pop();
    if (part === undefined) throw new RegexError("missing argument to repetition operator", cursor.from(start));
    const copies = max === 0 ? 1 : Math.max(min, max ?? min, 1) * copiesOf(part);
    if (copies > MAX_REPEAT) throw new RegexError("invalid repeat count", cursor.from(start));
    frame.parts.push({ type: "repeat", part, min, max, copies });
  }
}

/** `i`, `m`, `s`, `U` and their ends, from past the question mark. @throws RegexError */
function readFlags(cursor: Cursor, start: number, initial: Flags): { flags: Flags; opens: boolean } {
  const flags = { ...initial };
  let value = true;
  let sawFlag = false;
  for (let char = cursor.peek(); char !== undefined; char = cursor.peek()) {
    cursor.at += 1;
    if (char === "i") flags.foldCase = value;
    else if (char === "m") flags.multiLine = value;
    else if (char === "s") flags.dotAll = value;
    else if (char === "-" && value) value = false;
    else if ((char === ":" || char === ")") && (value || sawFlag)) return { flags, opens: char === ":" };
    else if (char !== "U") break;
    sawFlag = char !== "-";
  }
  throw new RegexError("invalid or unsupported Perl syntax", cursor.from(start));
}

const NUMBER = "(0|[1-9][0-9]{0,9})";
const BOUNDS = new RegExp(`^\\{${NUMBER}(?:(,)${NUMBER}?)?\\}`);
const LONGEST_BOUNDS = "{1000000000,1000000000}".length;

/** `{2}`, `{2,}`, `{2,3}`: what only looks like it stands for itself. */
function readBounds(cursor: Cursor): Bounds | undefined {
  const [all, min, comma, max] = BOUNDS.exec(cursor.slice(cursor.at, cursor.at + LONGEST_BOUNDS)) ?? [];
  if (all === undefined) return undefined;
  cursor.at += all.length;
  return { min: Number(min), max: max !== undefined ? Number(max) : comma === undefined ? Number(min) : undefined };
}

function newFrame(flags: Flags): Frame {
  return { flags, alternatives: [], parts: [] };
}

function closed({ alternatives, parts }: Frame): Node {
  if (alternatives.length === 0) return concat(parts);
  return joined("alternate", [...alternatives, concat(parts)]);
}

function concat(parts: Node[]): Node {
  const [only, ...more] = parts;
  if (only === undefined) return { type: "empty" };
  return more.length === 0 ? only : joined("concat", parts);
}

function joined(type: "concat" | "alternate", parts: Node[]): Node {
  return { type, parts, copies: parts.reduce((most, part) => Math.max(most, copiesOf(part)), 1) };
}

function copiesOf(node: Node): number {
  return "copies" in node ? node.copies : 1;
}
