/** Netlink on the wire (netlink(7)): messages of a header, a family's own header, and attributes aligned to four bytes. */

export const NLM_F_REQUEST = 0x001;
export const NLM_F_ACK = 0x004;
/** A dump during which something changed: it may have gaps. */
export const NLM_F_DUMP_INTR = 0x010;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const HEADER = 16;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** An attribute: its type and its bytes, or the attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

/** One request, its sequence number still open. `what` names it in errors: `add link eth0`. */
export interface Request {
  readonly what: string;
  readonly bytes: Buffer;
}

export interface Message {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

/** A request of one message. NLM_F_REQUEST is added to `flags`. */
export function request(
  what: string,
  type: number,
  flags: number,
  header: Uint8Array,
  attributes: readonly Attribute[] = [],
): Request {
  const body = encodeAttributes(attributes);
  const headerSize = align(header.length);
  const bytes = Buffer.alloc(HEADER + headerSize + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  bytes.set(header, HEADER);
  bytes.set(body, HEADER + headerSize);
  return { what, bytes };
}

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

function encodeAttribute([type, value]: Attribute): Buffer {
  const nested = !(value instanceof Uint8Array);
  const content = nested ? encodeAttributes(value) : value;
  const bytes = Buffer.alloc(4 + align(content.length));
  bytes.writeUInt16LE(4 + content.length, 0);
  bytes.writeUInt16LE(nested ? type | NESTED : type, 2);
  bytes.set(content, 4);
  return bytes;
}

/** The messages of an answer. */
export function decodeMessages(raw: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER <= raw.length;) {
    const length = raw.readUInt32LE(at);
    if (length < HEADER || at + length > raw.length) break;
    messages.push({
      type: raw.readUInt16LE(at + 4),
      flags: raw.readUInt16LE(at + 6),
      sequence: raw.readUInt32LE(at + 8),
      payload: raw.subarray(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes by type, the last of each; `skip` is the size of the family's header. */
export function decodeAttributes(raw: Buffer, skip = 0): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (const [type, value] of listAttributes(raw, skip)) found.set(type, value);
  return found;
}

/** Attributes in order, for lists in which a type repeats. */
export function listAttributes(raw: Buffer, skip = 0): Array<[type: number, value: Buffer]> {
  const found: Array<[number, Buffer]> = [];
  for (let at = align(skip); at + 4 <= raw.length;) {
    const length = raw.readUInt16LE(at);
    if (length < 4 || at + length > raw.length) break;
    found.push([raw.readUInt16LE(at + 2) & TYPE_MASK, raw.subarray(at + 4, at + length)]);
    at += align(length);
  }
  return found;
}

export const u8 = (value: number) => Buffer.from([value]);

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

/** Unsigned or negative, in the byte order of the machine (little on all that berth runs on). */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** nftables carries its numbers in network order. */
export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export const cstring = (value: string) => Buffer.from(`${value}\0`);

/** Text up to its NUL. */
export function textOf(raw: Buffer | undefined): string {
  if (raw === undefined) return "";
  const end = raw.indexOf(0);
  return raw.toString("utf8", 0, end < 0 ? raw.length : end);
}

export function align(length: number): number {
  return (length + 3) & ~3;
}
