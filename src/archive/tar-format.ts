import { badHeader } from "./errors.ts";
import type { ByteString } from "./types.ts";

/** The layout of tar: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" and "Sparse". */
export const BLOCK = 512;

export const CHECKSUM_OFFSET = 148;
export const FLAG_OFFSET = 156;

export type TarType = "file" | "hardlink" | "symlink" | "char" | "block" | "directory" | "fifo";

/** A run of stored bytes within a sparse file. */
export interface SparseSegment {
  offset: number;
  length: number;
}

export interface TarEntry {
  type: TarType;
  /** As in the archive: unchecked, may be absolute or hold `..`. */
  name: ByteString;
  linkName: ByteString;
  /** Permission bits, setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Size of the file once written; 0 for what has no content. */
  size: number;
  /** Whole seconds since 1970 (may be negative) and nanoseconds 0–999999999. */
  mtime: number;
  mtimeNanos: number;
  devMajor: number;
  devMinor: number;
  xattrs: ReadonlyMap<ByteString, ByteString>;
  /** The stored runs of a sparse file, ascending and apart; undefined for an ordinary one. */
  sparse: readonly SparseSegment[] | undefined;
}

const NO_XATTRS: ReadonlyMap<ByteString, ByteString> = new Map();

/** An entry with everything at its zero. */
export function emptyEntry(type: TarType, name: ByteString): TarEntry {
  return {
    type,
    name,
    linkName: "",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: NO_XATTRS,
    sparse: undefined,
  };
}

/** Text of a field: up to the first NUL. */
export function readText(block: Buffer, offset: number, length: number): ByteString {
  let end = offset;
  const limit = offset + length;
  while (end < limit && block[end] !== 0) end++;
  return block.toString("latin1", offset, end);
}

/** A number: octal digits, or base 256 when the first bit is set. @throws invalid. */
export function readNumber(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return readBinary(block, offset, length);
  let at = offset;
  const limit = offset + length;
  while (at < limit && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < limit; at++) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) throw badHeader("a number is not octal");
    value = value * 8 + (byte - 0x30);
  }
  for (; at < limit; at++) {
    if (block[at] !== 0 && block[at] !== 0x20) throw badHeader("a number is followed by other bytes");
  }
  return value;
}

/** Two's complement, big endian, with the marker bit left out. */
function readBinary(block: Buffer, offset: number, length: number): number {
  const negative = ((block[offset] ?? 0) & 0x40) !== 0;
  let value = BigInt(((block[offset] ?? 0) & 0x7f) - (negative ? 0x80 : 0));
  for (let i = 1; i < length; i++) value = value * 256n + BigInt(block[offset + i] ?? 0);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badHeader("a number is too large");
  return number;
}

/** True when the header's sum of bytes is right; old writers summed signed ones. */
export function checksumMatches(block: Buffer): boolean {
  let unsigned = 256; // the checksum's own field counts as eight blanks
  let high = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = block[i] ?? 0;
    if (i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + 8) continue;
    unsigned += byte;
    high += byte >> 7;
  }
  const stated = readNumber(block, CHECKSUM_OFFSET, 8);
  return stated === unsigned || stated === unsigned - 256 * high;
}

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** Bytes from `size` to the next block's start. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
