import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { constants, zstdCompressSync } from "node:zlib";
import { parseDigest } from "../base/index.ts";
import { BLOCK_SIZE, FILE_HEAD, FILE_RECORD, LENGTH_SIZE, RAW_HEAD, RAW_RECORD } from "./split-format.ts";
import type { ByteString, SplitTar } from "./types.ts";

/** Files up to this size stand in the split with their content: copying that is cheaper than opening the file again. */
export const KEPT_WHOLE = 4096;

/** Fast, and enough: what is left of a tar are its headers. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Writes the split of a tar (`split-format.ts`) while it is unpacked. */
export class SplitWriter implements Disposable {
  readonly #fd: number;
  readonly #block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  readonly #hash = createHash("sha256");
  #used = 0;
  /** Where the length of the raw record stands that grows; undefined when the next byte needs a new one. */
  #growing: number | undefined;
  #size = 0;
  #possible = true;

  /** @param path of a file that is not there yet. */
  constructor(path: string) {
    this.#fd = openSync(path, "wx", 0o600);
  }

  /** The tar's next bytes, as they are. */
  raw(piece: Buffer): void {
    for (let at = 0; at < piece.length;) {
      const length = (this.#growing ??= this.#startRaw());
      const taken = piece.copy(this.#block, this.#used, at);
      at += taken;
      this.#used += taken;
      this.#block.writeUInt32LE(this.#block.readUInt32LE(length) + taken, length);
      if (this.#used === BLOCK_SIZE) this.#flush();
    }
  }

  /** The tar's next bytes are the content of a file of the tree. */
  file(path: ByteString, size: number): void {
    if (this.#used + FILE_HEAD + path.length > BLOCK_SIZE) this.#flush();
    let at = this.#block.writeUInt8(FILE_RECORD, this.#used);
    at = this.#block.writeUInt32LE(path.length, at);
    at = this.#block.writeDoubleLE(size, at);
    this.#used = at + this.#block.write(path, at, "latin1");
    this.#growing = undefined;
  }

  /** The tree will not give the tar again. */
  giveUp(): void {
    this.#possible = false;
  }

  /** The split's digest and size; undefined when there is none, after `giveUp`. */
  finish(): SplitTar | undefined {
    if (!this.#possible) return undefined;
    this.#flush();
    return { digest: parseDigest(`sha256:${this.#hash.digest("hex")}`), size: this.#size };
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #startRaw(): number {
    if (this.#used + RAW_HEAD >= BLOCK_SIZE) this.#flush();
    const length = this.#block.writeUInt8(RAW_RECORD, this.#used);
    this.#used = this.#block.writeUInt32LE(0, length);
    return length;
  }

  #flush(): void {
    if (this.#used > 0 && this.#possible) {
      const frame = zstdCompressSync(this.#block.subarray(0, this.#used), OPTIONS);
      const length = Buffer.alloc(LENGTH_SIZE);
      length.writeUInt32LE(frame.length);
      this.#write(length);
      this.#write(frame);
    }
    this.#used = 0;
    this.#growing = undefined;
  }

  #write(data: Buffer): void {
    this.#hash.update(data);
    this.#size += data.length;
    for (let at = 0; at < data.length;) at += writeSync(this.#fd, data, at);
  }
}
