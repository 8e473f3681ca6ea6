import { invalidJson, trailingJson } from "./errors.ts";

/**
 * Parses JSON, with the errors of Go's decoder, which clients show to people and tests match on.
 * @throws invalid `invalid JSON: …` or `unexpected content after JSON`.
 */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw invalidJson("exceeded max depth");
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, exactRange) : JSON.parse(text);
  } catch {
    throw new Scanner(text).diagnose();
  }
}

/** So many digits may be more than a double holds. */
const LONG_NUMBER = /\d{16}/;
const INT64 = { least: -(2n ** 63n), greatest: 2n ** 64n - 1n };

/**
 * A number that no double holds becomes the next one towards zero if some integer of 64 bits is so large, else the next one
 * away from it: what is within its type stays so, and what is beyond stays beyond.
 */
function exactRange(_key: string, value: unknown, { source = "" }: { source?: string } = {}): unknown {
  // Of more digits none is within, and a million of them would take long.
  if (typeof value !== "number" || !/^-?\d{16,20}$/.test(source)) return value;
  const exact = BigInt(source);
  const nearest = BigInt(value);
  const isWithin = exact >= INT64.least && exact <= INT64.greatest;
  const away = exact < 0n ? nearest < exact : nearest > exact;
  const towards = exact < 0n ? nearest > exact : nearest < exact;
  if (isWithin ? away : towards) return isWithin ? value * (1 - 2 ** -53) : value * (1 + 2 ** -52);
  return value;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
/** Deeper nesting than this is refused: Go's limit is the same. JSON.parse takes seconds for millions of brackets. */
const MAX_DEPTH = 10_000;

/** Counts the brackets that are open outside of strings. */
function isTooDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) inString = !inString;
    else if (inString) {
      if (code === 0x5c) at += 1;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

class Mistake {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

/** Walks a text that JSON.parse refused, to say what is wrong with it. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  diagnose() {
    try {
      this.#space();
      if (this.#at >= this.#text.length) return invalidJson("got EOF while reading request body");
      this.#value();
    } catch (mistake) {
      if (mistake instanceof Mistake) return invalidJson(mistake.problem);
      throw mistake;
    }
    return trailingJson();
  }

  #value(): void {
    this.#space();
    const next = this.#text[this.#at];
    if (next === "{") this.#object();
    else if (next === "[") this.#array();
    else if (next === '"') this.#token(STRING, "in string literal");
    else if (next === "t") this.#literal("true");
    else if (next === "f") this.#literal("false");
    else if (next === "n") this.#literal("null");
    else if (next !== undefined && /[-\d]/.test(next)) this.#token(NUMBER, "in numeric literal");
    else this.#fail("looking for beginning of value");
  }

  #object(): void {
    this.#at += 1;
    if (this.#take("}")) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail("looking for beginning of object key string");
      this.#token(STRING, "in string literal");
      if (!this.#take(":")) this.#fail("after object key");
      this.#value();
      if (this.#take("}")) return;
      if (!this.#take(",")) this.#fail("after object key:value pair");
    }
  }

  #array(): void {
    this.#at += 1;
    if (this.#take("]")) return;
    for (;;) {
      this.#value();
      if (this.#take("]")) return;
      if (!this.#take(",")) this.#fail("after array element");
    }
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #literal(word: string): void {
    for (const [index, letter] of word.split("").entries()) {
      if (this.#text[this.#at] !== letter) {
        this.#fail(index === 0 ? "looking for beginning of value" : `in literal ${word} (expecting '${letter}')`);
      }
      this.#at += 1;
    }
  }

  #token(pattern: RegExp, where: string): void {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) {
      this.#at = this.#firstBad();
      this.#fail(where);
    }
    this.#at = pattern.lastIndex;
  }

  /** Where a string that does not match goes wrong: its first control character, or the end. */
  #firstBad(): number {
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      if (this.#text.charCodeAt(at) < 0x20) return at;
    }
    return this.#text.length;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #fail(where: string): never {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Mistake("unexpected EOF");
    throw new Mistake(`invalid character ${quoteRune(character)} ${where}`);
  }
}

/** A character as Go's %q prints it, inside single quotes. */
function quoteRune(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
