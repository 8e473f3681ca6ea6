import { badHeader, tooLarge, truncated, unhandledType } from "./errors.ts";
import { paxInteger, parsePax, paxTime, type PaxRecords, xattrOfKey } from "./pax.ts";
import { checkSegments, InlineSparseMap, paxSparse, readOldSegments } from "./sparse.ts";
import {
  BLOCK,
  checksumMatches,
  emptyEntry,
  FLAG_OFFSET,
  isZeroBlock,
  paddingOf,
  readNumber,
  readText,
  type SparseSegment,
  type TarEntry,
  type TarType,
} from "./tar-format.ts";
import type { ByteString } from "./types.ts";

/** Receives what a tar holds, in order: `entry`, its content in pieces, `entryEnd`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A piece of the stored content; valid during the call only. */
  data(piece: Buffer): void;
  entryEnd(): void;
}

/** Long names and extended headers: what Go allows, too. */
const MAX_META = 1 << 20;
/** Headers between two files that announce the next one; a sane writer needs three. */
const MAX_META_RUN = 16;

const TYPES: Readonly<Record<string, TarType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  S: "file",
};

/** What is gathered from the headers before the file's own. */
interface Announced {
  longName: ByteString | undefined;
  longLink: ByteString | undefined;
  pax: PaxRecords;
  run: number;
}

type State =
  | { at: "header" }
  | { at: "meta"; flag: string; left: number; parts: Buffer[]; padding: number }
  | { at: "old-sparse"; entry: TarEntry; stored: number; segments: SparseSegment[] }
  | { at: "inline-sparse"; entry: TarEntry; stored: number; map: InlineSparseMap }
  | { at: "data"; left: number; padding: number }
  | { at: "padding"; left: number }
  | { at: "zero" } // one zero block seen
  | { at: "end" };

/** A tar parser that is fed: it never reads ahead, holds at most one block and one extended header, and trusts nothing. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #maxEntries: number;
  readonly #onRaw: ((piece: Buffer) => void) | undefined;
  #state: State = { at: "header" };
  #announced: Announced = nothingAnnounced();
  #partial: Buffer = Buffer.alloc(BLOCK);
  #held = 0;
  #entries = 0;

  /**
   * @param options.onRaw is given every byte that is no content: headers, padding, what follows the end. What is in front
   *   of a content comes before that content's first `data`.
   */
  constructor(sink: TarSink, options: { maxEntries?: number; onRaw?: ((piece: Buffer) => void) | undefined } = {}) {
    this.#sink = sink;
    this.#onRaw = options.onRaw;
    this.#maxEntries = options.maxEntries ?? Number.MAX_SAFE_INTEGER;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Takes the next bytes. @throws invalid for a broken archive; what the sink throws. */
  push(chunk: Buffer): void {
    let at = 0;
    let rawFrom = 0;
    while (at < chunk.length) {
      const state = this.#state;
      switch (state.at) {
        case "data":
          this.#raw(chunk, rawFrom, at);
          at = rawFrom = this.#takeData(state, chunk, at);
          break;
        case "meta":
          at = this.#takeMeta(state, chunk, at);
          break;
        case "padding": {
          const taken = Math.min(state.left, chunk.length - at);
          at += taken;
          state.left -= taken;
          if (state.left === 0) this.#state = { at: "header" };
          break;
        }
        case "end":
          at = chunk.length; // what follows the end is hashed by others, never read
          break;
        default:
          at = this.#takeBlock(state, chunk, at);
      }
    }
    this.#raw(chunk, rawFrom, at);
  }

  /** The source has ended. @throws invalid when it ended within an entry. */
  finish(): void {
    const state = this.#state;
    if (state.at === "end") return;
    const between = state.at === "header" || state.at === "zero";
    // Some writers leave out the last padding, and with it the trailer; no content is missing then.
    if (state.at === "padding") return;
    if (!between || this.#held > 0 || this.#announced.run > 0) throw truncated();
  }

  #raw(chunk: Buffer, from: number, to: number): void {
    if (this.#onRaw !== undefined && to > from) this.#onRaw(chunk.subarray(from, to));
  }

  #takeData(state: { left: number; padding: number }, chunk: Buffer, at: number): number {
    const taken = Math.min(state.left, chunk.length - at);
    this.#sink.data(at === 0 && taken === chunk.length ? chunk : chunk.subarray(at, at + taken));
    state.left -= taken;
    if (state.left === 0) this.#endEntry(state.padding);
    return at + taken;
  }

  #endEntry(padding: number): void {
    this.#sink.entryEnd();
    this.#state = padding === 0 ? { at: "header" } : { at: "padding", left: padding };
  }

  #takeMeta(
    state: { flag: string; left: number; parts: Buffer[]; padding: number },
    chunk: Buffer,
    at: number,
  ): number {
    const taken = Math.min(state.left, chunk.length - at);
    state.parts.push(Buffer.from(chunk.subarray(at, at + taken))); // copied: the chunk is the caller's
    state.left -= taken;
    if (state.left === 0) {
      this.#announce(state.flag, Buffer.concat(state.parts));
      this.#state = state.padding === 0 ? { at: "header" } : { at: "padding", left: state.padding };
    }
    return at + taken;
  }

  #takeBlock(state: State, chunk: Buffer, at: number): number {
    if (this.#held === 0 && chunk.length - at >= BLOCK) {
      this.#block(state, chunk.subarray(at, at + BLOCK));
      return at + BLOCK;
    }
    const taken = Math.min(BLOCK - this.#held, chunk.length - at);
    chunk.copy(this.#partial, this.#held, at, at + taken);
    this.#held += taken;
    if (this.#held === BLOCK) {
      this.#held = 0;
      this.#block(state, this.#partial);
    }
    return at + taken;
  }

  #block(state: State, block: Buffer): void {
    switch (state.at) {
      case "header":
      case "zero":
        return this.#header(state.at === "zero", block);
      case "old-sparse":
        readOldSegments(block, 0, 21, state.segments);
        if (block[504] === 0) this.#startSparse(state.entry, state.segments, state.stored);
        return;
      case "inline-sparse":
        state.stored -= BLOCK;
        if (state.stored < 0) throw badHeader("the sparse map is longer than the file");
        if (state.map.add(block)) this.#startSparse(state.entry, state.map.segments(), state.stored);
        return;
      default:
        throw badHeader("a block is where none is expected");
    }
  }

  #header(afterZero: boolean, block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      if (this.#announced.run > 0) throw truncated();
      this.#state = { at: afterZero ? "end" : "zero" };
      return;
    }
    if (afterZero) throw badHeader("a lone block of zeros");
    if (!checksumMatches(block)) throw badHeader("the checksum does not match");
    const flag = String.fromCharCode(block[FLAG_OFFSET] ?? 0);
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K") return this.#startMeta(flag, block);
    this.#startEntry(flag, block);
  }

  #startMeta(flag: string, block: Buffer): void {
    const size = readNumber(block, 124, 12);
    if (size < 0) throw badHeader("a size is negative");
    if (size > MAX_META) throw badHeader("an extended header is too long");
    if (++this.#announced.run > MAX_META_RUN) throw badHeader("too many extended headers in a row");
    if (size === 0) {
      this.#announce(flag, Buffer.alloc(0));
      return;
    }
    this.#state = { at: "meta", flag, left: size, parts: [], padding: paddingOf(size) };
  }

  #announce(flag: string, data: Buffer): void {
    switch (flag) {
      case "x":
        this.#announced.pax.push(...parsePax(data));
        return;
      case "g":
        // Docker leaves global headers aside (git archive writes its commit there); they still must be well-formed.
        parsePax(data);
        this.#announced.run--;
        return;
      case "L":
        this.#announced.longName = readText(data, 0, data.length);
        return;
      default:
        this.#announced.longLink = readText(data, 0, data.length);
    }
  }

  #startEntry(flag: string, block: Buffer): void {
    if (++this.#entries > this.#maxEntries) throw tooLarge("entries", this.#maxEntries);
    const announced = this.#announced;
    this.#announced = nothingAnnounced();
    const type = TYPES[flag];
    if (type === undefined) throw unhandledType(flag);
    const entry = readEntry(block, type);
    if (announced.longName !== undefined) entry.name = announced.longName;
    if (announced.longLink !== undefined) entry.linkName = announced.longLink;
    let stored = readNumber(block, 124, 12);
    if (announced.pax.length > 0) stored = applyPax(entry, announced.pax) ?? stored;
    if (stored < 0) throw badHeader("a size is negative");
    // Old writers mark a directory by the slash alone.
    if (entry.type === "file" && (flag === "\0" || flag === "0") && entry.name.endsWith("/")) entry.type = "directory";
    if (entry.type !== "file") return this.#startContent(entry, 0);
    if (flag === "S") return this.#startOldSparse(entry, stored, block);
    const sparse = announced.pax.length > 0 ? paxSparse(announced.pax) : undefined;
    if (sparse === undefined) return this.#startContent(entry, stored);
    if (sparse.name !== undefined) entry.name = sparse.name;
    entry.size = sparse.realSize ?? stored;
    if (sparse.form === "list") return this.#startSparse(entry, sparse.segments, stored);
    this.#state = { at: "inline-sparse", entry, stored, map: new InlineSparseMap() };
  }

  #startOldSparse(entry: TarEntry, stored: number, block: Buffer): void {
    const segments: SparseSegment[] = [];
    readOldSegments(block, 386, 4, segments);
    entry.size = readNumber(block, 483, 12);
    if (block[482] === 0) return this.#startSparse(entry, segments, stored);
    this.#state = { at: "old-sparse", entry, stored, segments };
  }

  #startSparse(entry: TarEntry, segments: readonly SparseSegment[], stored: number): void {
    if (entry.size < 0) throw badHeader("a size is negative");
    entry.sparse = checkSegments(segments, entry.size, stored);
    this.#begin(entry, stored);
  }

  #startContent(entry: TarEntry, stored: number): void {
    entry.size = stored;
    this.#begin(entry, stored);
  }

  #begin(entry: TarEntry, stored: number): void {
    this.#sink.entry(entry);
    if (stored === 0) this.#endEntry(0);
    else this.#state = { at: "data", left: stored, padding: paddingOf(stored) };
  }
}

function nothingAnnounced(): Announced {
  return { longName: undefined, longLink: undefined, pax: [], run: 0 };
}

function readName(block: Buffer): ByteString {
  const name = readText(block, 0, 100);
  const magic = block.toString("latin1", 257, 265);
  if (!magic.startsWith("ustar\0")) return name; // GNU keeps times where ustar has its prefix
  const prefix = readText(block, 345, block.toString("latin1", 508, 512) === "tar\0" ? 131 : 155);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function readEntry(block: Buffer, type: TarType): TarEntry {
  const entry = emptyEntry(type, readName(block));
  entry.mode = readNumber(block, 100, 8) & 0o7777;
  entry.uid = readNumber(block, 108, 8);
  entry.gid = readNumber(block, 116, 8);
  entry.mtime = readNumber(block, 136, 12);
  if (type === "hardlink" || type === "symlink") entry.linkName = readText(block, 157, 100);
  if (type === "char" || type === "block") {
    entry.devMajor = readNumber(block, 329, 8);
    entry.devMinor = readNumber(block, 337, 8);
  }
  return entry;
}

/** Puts the extended header's values over the plain ones; gives the stored size when it names one. */
function applyPax(entry: TarEntry, records: PaxRecords): number | undefined {
  let stored: number | undefined;
  let xattrs: Map<ByteString, ByteString> | undefined;
  for (const [key, value] of records) {
    if (value === "" && !key.startsWith("SCHILY.")) continue; // POSIX: an empty value takes the record back
    switch (key) {
      case "path":
        entry.name = value;
        break;
      case "linkpath":
        entry.linkName = value;
        break;
      case "size":
        stored = paxInteger(key, value);
        break;
      case "uid":
        entry.uid = paxInteger(key, value);
        break;
      case "gid":
        entry.gid = paxInteger(key, value);
        break;
      case "mtime": {
        const time = paxTime(key, value);
        entry.mtime = time.seconds;
        entry.mtimeNanos = time.nanos;
        break;
      }
      default: {
        const xattr = xattrOfKey(key);
        if (xattr !== undefined) (xattrs ??= new Map()).set(xattr, value);
      }
    }
  }
  if (xattrs !== undefined) entry.xattrs = xattrs;
  return stored;
}
