import { TemplateError } from "./errors.ts";

/** Tokens of Go's text/template (lex.go names them; the rules are in the package's documentation). */
export type TokenKind =
  | "text"
  | "left"
  | "right"
  | "space"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "string"
  | "char"
  | "number"
  | "bool"
  | "nil"
  | "dot"
  | "pipe"
  | "paren-left"
  | "paren-right"
  | "declare"
  | "assign"
  | "comma"
  | "eof";

export interface Token {
  kind: TokenKind;
  text: string;
  at: number;
}

const KEYWORDS = new Set(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"]);
const SPACE = /^[ \t\r\n]+/;
const WORD = /^[\p{L}\p{Nd}_]+/u;
/** As far as Go reads on: whether it is a number is found afterwards. */
const NUMBER =
  /^[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[bB][01_]*(?:\.[01_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/;
const NUMBER_START = /^(?:[+-]|\.?[0-9])/;
/** What may follow an identifier, a field or a variable. */
const TERMINATOR = /^(?:[ \t\r\n.,|:=()]|$)/;

/** Splits a template into tokens. @throws TemplateError with Go's text and the line. */
export function tokenize(name: string, source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const fail = (message: string, where = at): never => {
    throw new TemplateError("parse", `template: ${name}:${lineOf(source, where)}: ${message}`);
  };
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    const end = open === -1 ? source.length : open;
    let text = source.slice(at, end);
    const trimsLeft = open !== -1 && source[open + 2] === "-" && isSpace(source[open + 3]);
    if (trimsLeft) text = text.replace(/[ \t\r\n]+$/, "");
    if (text !== "") tokens.push({ kind: "text", text, at });
    if (open === -1) {
      at = source.length;
      break;
    }
    at = open + 2 + (trimsLeft ? 2 : 0);
    if (source.startsWith("/*", at)) {
      at = skipComment(source, at, fail);
    } else {
      tokens.push({ kind: "left", text: "{{", at: open });
      at = lexAction(source, at, tokens, fail);
    }
    // A trimmed closing delimiter eats the white space after it.
    if (source.slice(at - 3, at) === "-}}") at += SPACE.exec(source.slice(at))?.[0].length ?? 0;
  }
  tokens.push({ kind: "eof", text: "", at: source.length });
  return tokens;
}

/** The line of an offset, from 1. */
export function lineOf(source: string, at: number): number {
  let line = 1;
  for (let index = source.indexOf("\n"); index !== -1 && index < at; index = source.indexOf("\n", index + 1)) line++;
  return line;
}

type Fail = (message: string, where?: number) => never;

function skipComment(source: string, at: number, fail: Fail): number {
  const end = source.indexOf("*/", at + 2);
  if (end === -1) return fail("unclosed comment");
  const after = end + 2;
  if (source.startsWith("}}", after)) return after + 2;
  if (isSpace(source[after]) && source.startsWith("-}}", after + 1)) return after + 4;
  return fail("comment ends before closing delimiter");
}

/** Lexes up to and with the closing delimiter; gives the offset after it. */
function lexAction(source: string, start: number, tokens: Token[], fail: Fail): number {
  let at = start;
  let depth = 0;
  const push = (kind: TokenKind, length: number) => {
    tokens.push({ kind, text: source.slice(at, at + length), at });
    at += length;
  };
  for (;;) {
    const rest = source.slice(at);
    const closing = /^(?:[ \t\r\n]-)?\}\}/.exec(rest);
    if (closing !== null) {
      if (depth > 0) fail("unclosed left paren", at);
      push("right", closing[0].length);
      return at;
    }
    const first = rest[0];
    if (first === undefined) return fail("unclosed action", at);
    const space = SPACE.exec(rest);
    if (space !== null) {
      // The marker of a trimmed closing delimiter starts with a space that belongs to it.
      const trimmed = rest.slice(space[0].length).startsWith("-}}");
      const length = space[0].length - (trimmed ? 1 : 0);
      if (length > 0) push("space", length);
      continue;
    }
    if (rest.startsWith(":=")) push("declare", 2);
    else if (first === "=") push("assign", 1);
    else if (first === ":") fail("expected :=", at);
    else if (first === "|") push("pipe", 1);
    else if (first === ",") push("comma", 1);
    else if (first === '"') lexString(rest, fail, at, push);
    else if (first === "`") {
      const end = rest.indexOf("`", 1);
      if (end === -1) fail("unterminated raw quoted string", at);
      push("string", end + 1);
    } else if (first === "'") {
      const match = /^'(?:[^'\\\n]|\\.[0-9a-fA-F]*)*'/.exec(rest);
      if (match === null) fail("unterminated character constant", at);
      else push("char", match[0].length);
    } else if (first === "(") {
      depth++;
      push("paren-left", 1);
    } else if (first === ")") {
      if (--depth < 0) fail("unexpected right paren", at);
      push("paren-right", 1);
    } else if (rest === ".")
      fail('illegal number syntax: "."', at); // Go looks for a number where no field can be
    else if (NUMBER_START.test(rest)) lexNumber(rest, fail, at, push);
    else if (first === ".") lexFieldOrVariable("field", rest, fail, at, push);
    else if (first === "$") lexFieldOrVariable("variable", rest, fail, at, push);
    else if (WORD.test(rest)) lexWord(rest, fail, at, push);
    else if (/^[!-~]/.test(first))
      fail(`unexpected ${JSON.stringify(first)} in command`, at); // a token of its own to Go, which no command has
    else fail(`unrecognized character in action: ${unicode(rest)}`, at);
  }
}

type Push = (kind: TokenKind, length: number) => void;

function lexString(rest: string, fail: Fail, at: number, push: Push): void {
  const match = /^"(?:[^"\\\n]|\\.)*"/.exec(rest);
  if (match === null) fail("unterminated quoted string", at);
  else push("string", match[0].length);
}

function lexNumber(rest: string, fail: Fail, at: number, push: Push): void {
  const bad = (length: number) => fail(`bad number syntax: ${JSON.stringify(rest.slice(0, length))}`, at);
  /** The length of the number that starts there. */
  const scan = (from: number): number => {
    const end = from + (NUMBER.exec(rest.slice(from))?.[0].length ?? 0);
    return WORD.test(rest.slice(end)) ? bad(end + 1) : end;
  };
  let end = scan(0);
  // A sign right behind a number is a complex one's
  if (/^[+-]/.test(rest.slice(end))) {
    end = scan(end);
    if (rest[end - 1] !== "i") bad(end);
  }
  push("number", end);
}

function lexFieldOrVariable(kind: "field" | "variable", rest: string, fail: Fail, at: number, push: Push): void {
  const word = WORD.exec(rest.slice(1))?.[0] ?? "";
  if (word === "" && kind === "field") return push("dot", 1);
  const length = 1 + word.length;
  if (word !== "") requireTerminator(rest.slice(length), fail, at + length);
  push(kind, length);
}

function lexWord(rest: string, fail: Fail, at: number, push: Push): void {
  const word = WORD.exec(rest)?.[0] ?? "";
  requireTerminator(rest.slice(word.length), fail, at + word.length);
  if (KEYWORDS.has(word)) push("keyword", word.length);
  else if (word === "true" || word === "false") push("bool", word.length);
  else if (word === "nil") push("nil", word.length);
  else push("identifier", word.length);
}

function requireTerminator(after: string, fail: Fail, at: number): void {
  if (TERMINATOR.test(after) || after.startsWith("}}")) return;
  fail(`bad character ${unicode(after)}`, at);
}

function isSpace(char: string | undefined): boolean {
  return char === " " || char === "\t" || char === "\r" || char === "\n";
}

/** `U+002D '-'`, as Go's %#U. */
function unicode(text: string): string {
  const point = text.codePointAt(0) ?? 0;
  return `U+${point.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(point)}'`;
}
