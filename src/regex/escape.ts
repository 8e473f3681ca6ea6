import type { Cursor } from "./cursor.ts";
import { RegexError } from "./errors.ts";

const CONTROLS: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const MAX_CHAR = 0x10_ffff;

/** A backslash and what it means as one character. @throws RegexError */
export function readEscape(cursor: Cursor): number {
  const start = cursor.at;
  cursor.at += 1;
  const char = cursor.peek();
  if (char === undefined) throw new RegexError("trailing backslash at end of expression", "");
  cursor.at += 1;
  const code = char.codePointAt(0) ?? 0;
  if (code < 128 && !/[0-9A-Za-z]/.test(char)) return code;
  const control = CONTROLS[char];
  if (control !== undefined) return control;
  const number = /[0-7]/.test(char) ? readOctal(cursor, char) : char === "x" ? readHex(cursor) : undefined;
  if (number === undefined) throw new RegexError("invalid escape sequence", cursor.from(start));
  return number;
}

/** Up to three digits; `\1` to `\7` alone would be a reference to a group. */
function readOctal(cursor: Cursor, first: string): number | undefined {
  let digits = first;
  while (digits.length < 3 && /^[0-7]$/.test(cursor.peek() ?? "")) {
    digits += cursor.peek() ?? "";
    cursor.at += 1;
  }
  return digits.length === 1 && first !== "0" ? undefined : Number.parseInt(digits, 8);
}

/** `\x41` or `\x{10FFFF}`, from past the x. */
function readHex(cursor: Cursor): number | undefined {
  const braced = cursor.take("{");
  let value = 0;
  for (let count = 0; ; count++) {
    if (!braced && count === 2) return value;
    const char = cursor.peek();
    if (char === undefined) return undefined;
    cursor.at += 1;
    if (braced && char === "}") return count === 0 ? undefined : value;
    if (!/^[0-9A-Fa-f]$/.test(char)) return undefined;
    value = value * 16 + Number.parseInt(char, 16);
    if (value > MAX_CHAR) return undefined;
  }
}
