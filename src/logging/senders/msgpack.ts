/** What the forward protocol needs of MessagePack. */
export type Packable =
  string | number | boolean | EventTime | readonly Packable[] | { readonly [key: string]: Packable };

/** fluentd's time with nanoseconds: extension type 0. */
export class EventTime {
  readonly seconds: number;
  readonly nanos: number;

  constructor(seconds: number, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }
}

/** The value as MessagePack; numbers are unsigned integers below 2^32. */
export function pack(value: Packable): Buffer {
  const pieces: Buffer[] = [];
  put(value, pieces);
  return Buffer.concat(pieces);
}

function put(value: Packable, to: Buffer[]): void {
  if (typeof value === "string") {
    const text = Buffer.from(value);
    to.push(sized(text.length, [[31, 0xa0]], [0xd9, 0xda, 0xdb]), text);
  } else if (typeof value === "number") to.push(sized(value, [[127, 0x00]], [0xcc, 0xcd, 0xce]));
  else if (typeof value === "boolean") to.push(Buffer.from([value ? 0xc3 : 0xc2]));
  else if (value instanceof EventTime) {
    const bytes = Buffer.from([0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeUInt32BE(value.seconds, 2);
    bytes.writeUInt32BE(value.nanos, 6);
    to.push(bytes);
  } else if (isList(value)) {
    to.push(sized(value.length, [[15, 0x90]], [undefined, 0xdc, 0xdd]));
    for (const each of value) put(each, to);
  } else {
    const entries = Object.entries(value);
    to.push(sized(entries.length, [[15, 0x80]], [undefined, 0xde, 0xdf]));
    for (const [key, each] of entries) {
      put(key, to);
      put(each, to);
    }
  }
}

function isList(value: Packable): value is readonly Packable[] {
  return Array.isArray(value);
}

/** A length or number in the shortest form: within one byte, or behind the code for 8, 16 or 32 bits. */
function sized(
  value: number,
  [[most, base]]: [[number, number]],
  [code8, code16, code32]: [number | undefined, number, number],
): Buffer {
  if (value <= most) return Buffer.from([base | value]);
  if (code8 !== undefined && value < 0x100) return Buffer.from([code8, value]);
  if (value < 0x10000) return Buffer.from([code16, value >> 8, value & 0xff]);
  const bytes = Buffer.from([code32, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value, 1);
  return bytes;
}
