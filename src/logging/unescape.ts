const BACKSLASH = 0x5c;
/** What follows a backslash, and what it stands for. */
const SINGLE = new Map([
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x2f, 0x2f],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);
const LETTER_U = 0x75;

/**
 * Takes the escapes out of a JSON string's bytes, in place; the text gets no longer by it.
 * @param from of the first backslash.
 * @returns the new end; undefined when the escapes are not of the simple kinds: nothing was changed then.
 */
export function unescape(block: Buffer, from: number, end: number): number | undefined {
  if (!simple(block, from, end)) return undefined;
  let to = from;
  for (let at = from; at < end;) {
    const byte = block[at] ?? 0;
    if (byte !== BACKSLASH) {
      block[to++] = byte;
      at++;
      continue;
    }
    const single = SINGLE.get(block[at + 1] ?? 0);
    if (single !== undefined) {
      block[to++] = single;
      at += 2;
    } else {
      to = putCharacter(block, to, hex(block, at + 2));
      at += 6;
    }
  }
  return to;
}

function simple(block: Buffer, from: number, end: number): boolean {
  for (let at = from; at < end; at++) {
    if (block[at] !== BACKSLASH) continue;
    const next = block[++at] ?? 0;
    if (SINGLE.has(next)) continue;
    if (next !== LETTER_U || at + 4 >= end) return false;
    const code = hex(block, at + 1);
    // Halves of a pair are left to the parser.
    if (code < 0 || (code >= 0xd800 && code <= 0xdfff)) return false;
    at += 4;
  }
  return true;
}

/** Four hexadecimal digits; negative when they are none. */
function hex(block: Buffer, at: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    const byte = block[at + index] ?? 0;
    const digit =
      byte >= 0x30 && byte <= 0x39
        ? byte - 0x30
        : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
          ? (byte | 0x20) - 87
          : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function putCharacter(block: Buffer, at: number, code: number): number {
  if (code < 0x80) {
    block[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    block[at] = 0xc0 | (code >> 6);
    block[at + 1] = 0x80 | (code & 0x3f);
    return at + 2;
  }
  block[at] = 0xe0 | (code >> 12);
  block[at + 1] = 0x80 | ((code >> 6) & 0x3f);
  block[at + 2] = 0x80 | (code & 0x3f);
  return at + 3;
}
