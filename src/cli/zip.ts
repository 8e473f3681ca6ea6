import { inflateRawSync } from "node:zlib";
import { CliError } from "./errors.ts";

/**
 * Just enough of zip (PKWARE APPNOTE 6.3) to read small archives that are whole in memory: stored and deflated members,
 * no encryption, no zip64.
 */

const END = 0x06054b50;
const END_SIZE = 22;
const CENTRAL = 0x02014b50;
const CENTRAL_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;

const broken = () => new CliError("zip: not a valid zip file");

/** Whether the bytes begin as a zip with members does. */
export function isZip(bytes: Buffer): boolean {
  return bytes.length >= LOCAL_SIZE && bytes.readUInt32LE(0) === LOCAL;
}

/**
 * The files of a zip, one at a time: what a small archive unpacks to may be more than memory holds.
 * @param limit of each file's content, unpacked.
 * @throws CliError for what is no such archive, or too large.
 */
export function* readZip(bytes: Buffer, limit: number): Iterable<[name: string, content: Uint8Array]> {
  try {
    yield* members(bytes, limit);
  } catch (error) {
    // A number outside of the buffer, or a stream that does not inflate
    if (error instanceof RangeError || (error instanceof Error && "errno" in error)) throw broken();
    throw error;
  }
}

function* members(bytes: Buffer, limit: number): Iterable<[string, Uint8Array]> {
  let end = bytes.length - END_SIZE;
  while (end >= 0 && bytes.readUInt32LE(end) !== END) end--;
  if (end < 0) throw broken();
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (bytes.readUInt32LE(at) !== CENTRAL) throw broken();
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    if (nameLength === undefined || extraLength === undefined || commentLength === undefined) throw broken();
    const name = bytes.toString("utf8", at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameLength);
    if (!name.endsWith("/")) yield [name, content(bytes, at, limit)];
    at += CENTRAL_SIZE + nameLength + extraLength + commentLength;
  }
}

function content(bytes: Buffer, central: number, limit: number): Uint8Array {
  const method = bytes.readUInt16LE(central + 10);
  const packed = bytes.readUInt32LE(central + 20);
  const size = bytes.readUInt32LE(central + 24);
  const local = bytes.readUInt32LE(central + 42);
  if (bytes.readUInt32LE(local) !== LOCAL) throw broken();
  if (size > limit) throw new CliError("read exceeds the defined limit");
  const start = local + LOCAL_SIZE + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const data = bytes.subarray(start, start + packed);
  if (method === 0) return data;
  if (method !== 8) throw new CliError("zip: unsupported compression algorithm");
  return inflateRawSync(data, { maxOutputLength: limit });
}
