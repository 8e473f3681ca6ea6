import type { ftruncateSync, writeSync } from "node:fs";
import type { SparseSegment, TarEntry } from "./tar-format.ts";

/** Zeros are looked for in large files only: there a hole is worth more than the look costs. */
export const HOLES_FROM = 256 * 1024;
const PAGE = 4096;
const ZEROS = Buffer.alloc(64 * 1024);

/** Puts an entry's stored bytes where they belong in the file; what is zero in a large or sparse file stays a hole. */
export class FileContent {
  readonly fd: number;
  readonly #size: number;
  readonly #sparse: readonly SparseSegment[] | undefined;
  readonly #seekHoles: boolean;
  readonly #write: typeof writeSync;
  readonly #truncate: typeof ftruncateSync;
  #segment = 0;
  /** Bytes of the current segment that are written. */
  #done = 0;
  #position = 0;

  constructor(fd: number, entry: TarEntry, write: typeof writeSync, truncate: typeof ftruncateSync) {
    this.fd = fd;
    this.#size = entry.size;
    this.#sparse = entry.sparse;
    this.#seekHoles = entry.sparse !== undefined || entry.size >= HOLES_FROM;
    this.#write = write;
    this.#truncate = truncate;
  }

  write(piece: Buffer): void {
    if (this.#sparse === undefined) {
      this.#put(piece, this.#position);
      this.#position += piece.length;
      return;
    }
    let at = 0;
    while (at < piece.length) {
      const segment = this.#sparse[this.#segment];
      if (segment === undefined) return; // the reader has checked that the map fits
      const taken = Math.min(segment.length - this.#done, piece.length - at);
      this.#put(piece.subarray(at, at + taken), segment.offset + this.#done);
      at += taken;
      this.#done += taken;
      if (this.#done === segment.length) {
        this.#segment++;
        this.#done = 0;
      }
    }
  }

  /** Gives the file its full length where that ends in a hole. */
  finish(): void {
    if (this.#seekHoles) this.#truncate(this.fd, this.#size);
  }

  #put(piece: Buffer, position: number): void {
    if (!this.#seekHoles) return this.#writeAll(piece, position);
    // Runs of data and of zero pages take turns.
    let from = 0;
    for (let at = 0; at < piece.length;) {
      const end = Math.min(at + PAGE, piece.length);
      if (!isZero(piece, at, end)) {
        at = end;
        continue;
      }
      if (at > from) this.#writeAll(piece.subarray(from, at), position + from);
      at = from = end;
    }
    if (from < piece.length) this.#writeAll(piece.subarray(from), position + from);
  }

  #writeAll(piece: Buffer, position: number): void {
    for (let at = 0; at < piece.length;) at += this.#write(this.fd, piece, at, piece.length - at, position + at);
  }
}

function isZero(piece: Buffer, from: number, to: number): boolean {
  return piece[from] === 0 && piece.compare(ZEROS, 0, to - from, from, to) === 0;
}
