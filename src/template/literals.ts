const SIMPLE: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** The value of a Go string or character literal with its quotes, or undefined when it is malformed. */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner.replaceAll("\r", "");
  let malformed = false;
  const value = inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))/g,
    (_all, hex: string, short: string, long: string, octal: string, char: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      const digits = hex ?? short ?? long;
      if (digits !== undefined) {
        const point = Number.parseInt(digits, 16);
        if (point <= 0x10ffff) return String.fromCodePoint(point);
      }
      const simple = SIMPLE[char ?? ""];
      if (simple === undefined) malformed = true;
      return simple ?? "";
    },
  );
  return malformed ? undefined : value;
}

/**
 * A string as Go's strconv.Quote writes it.
 * @param mark what stands around it: `'` for characters. @param ascii whether all else is escaped.
 */
export function quote(text: string, mark = '"', ascii = false): string {
  let quoted = mark;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (char === mark || char === "\\") quoted += `\\${char}`;
    else if (ascii && point > 0x7e) quoted += escapeControl(char, point);
    else if (isPrintable(char)) quoted += char;
    else quoted += escapeControl(char, point);
  }
  return quoted + mark;
}

/** Whether Go shows a character as it is; of all spaces only the plain one (unicode.IsPrint). */
export function isPrintable(char: string): boolean {
  return !/(?! )[\p{C}\p{Z}]/u.test(char);
}

function escapeControl(char: string, point: number): string {
  const name = Object.entries(SIMPLE).find(([key, value]) => value === char && /[a-z]/.test(key))?.[0];
  if (name !== undefined) return `\\${name}`;
  if (point < 0x80) return `\\x${point.toString(16).padStart(2, "0")}`;
  return point > 0xffff ? `\\U${point.toString(16).padStart(8, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`;
}
