import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { AT_EMPTY_PATH, type Native, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../sys/index.ts";
import { baseOf, parentOf, toKernel, toText } from "./byte-string.ts";
import { Directories, openDirectory } from "./directories.ts";
import { damagedSplit } from "./errors.ts";
import { BLOCK_SIZE, FILE_HEAD, FILE_RECORD, LENGTH_SIZE, RAW_HEAD, RAW_RECORD } from "./split-format.ts";
import type { ByteString, JoinRequest } from "./types.ts";
import { isGone } from "./walk.ts";

const CHUNK = 256 * 1024;
/** What a frame of a full block can have at most, zstd's own overhead included. */
const MAX_FRAME = BLOCK_SIZE + 4096;

export type JoinTask = Pick<JoinRequest, "split" | "root" | "diffId">;

/**
 * The tar that a split was made of, in chunks. Synchronous: for workers.
 * @throws data-loss when split and tree do not give the tar that the diff id is of: at the latest after the last chunk.
 */
export function* join(native: Native, task: JoinTask): Generator<Buffer> {
  const hash = createHash("sha256");
  const root = openDirectory(native, task.root);
  try {
    using directories = new Directories(native, root);
    using split = new SplitReader(task);
    const chunks = new Chunks();
    for (const record of split.records()) {
      const bytes = "raw" in record ? chunks.bytes(record.raw) : fileContent(native, directories, record, chunks, task);
      for (const chunk of bytes) {
        hash.update(chunk);
        yield chunk;
      }
    }
    const last = chunks.rest();
    hash.update(last);
    if (`sha256:${hash.digest("hex")}` !== task.diffId) throw damagedSplit(task.diffId, "its files have changed");
    if (last.length > 0) yield last;
  } finally {
    closeSync(root);
  }
}

interface FileRecord {
  path: ByteString;
  size: number;
}

/** Walks through the records of a split's file, one block in memory. */
class SplitReader implements Disposable {
  readonly #fd: number;
  readonly #task: JoinTask;

  constructor(task: JoinTask) {
    this.#task = task;
    this.#fd = openSync(task.split, "r");
  }

  *records(): Generator<{ raw: Buffer } | FileRecord> {
    for (let block = this.#block(); block !== undefined; block = this.#block()) {
      for (let at = 0; at < block.length;) {
        const type = block[at];
        if (type === RAW_RECORD && at + RAW_HEAD <= block.length) {
          const end = at + RAW_HEAD + block.readUInt32LE(at + 1);
          if (end > block.length) throw this.#damaged();
          yield { raw: block.subarray(at + RAW_HEAD, end) };
          at = end;
        } else if (type === FILE_RECORD && at + FILE_HEAD <= block.length) {
          const end = at + FILE_HEAD + block.readUInt32LE(at + 1);
          if (end > block.length) throw this.#damaged();
          yield { path: block.toString("latin1", at + FILE_HEAD, end), size: block.readDoubleLE(at + 5) };
          at = end;
        } else throw this.#damaged();
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #block(): Buffer | undefined {
    const length = this.#read(LENGTH_SIZE);
    if (length === undefined) return undefined;
    const size = length.readUInt32LE(0);
    const frame = size > MAX_FRAME ? undefined : this.#read(size);
    if (frame === undefined) throw this.#damaged();
    try {
      return zstdDecompressSync(frame, { maxOutputLength: BLOCK_SIZE });
    } catch {
      throw this.#damaged();
    }
  }

  #read(size: number): Buffer | undefined {
    const buffer = Buffer.allocUnsafe(size);
    let got = 0;
    while (got < size) {
      const count = readSync(this.#fd, buffer, got, size - got, null);
      if (count === 0) break;
      got += count;
    }
    if (got === 0) return undefined;
    if (got < size) throw this.#damaged();
    return buffer;
  }

  #damaged(): Error {
    return damagedSplit(this.#task.diffId, "its description is cut off or damaged");
  }
}

function* fileContent(
  native: Native,
  directories: Directories,
  { path, size }: FileRecord,
  chunks: Chunks,
  task: JoinTask,
): Generator<Buffer> {
  const fd = openContent(native, directories, path, task);
  try {
    let left = size;
    for (let position = 0; left > 0;) {
      const got = readSync(fd, chunks.buffer, chunks.used, Math.min(left, chunks.room), position);
      if (got === 0) throw damagedSplit(task.diffId, `${toText(path)} is too short`);
      position += got;
      left -= got;
      yield* chunks.filled(got);
    }
  } finally {
    closeSync(fd);
  }
}

function openContent(native: Native, directories: Directories, path: ByteString, task: JoinTask): number {
  const missing = () => damagedSplit(task.diffId, `${toText(path)} is missing`);
  let fd: number;
  try {
    const parent = directories.find(parentOf(path));
    if (parent === undefined) throw missing();
    fd = native.openat2(parent, toKernel(baseOf(path)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0);
  } catch (error) {
    throw isGone(error) ? missing() : error;
  }
  if ((native.statx(fd, "", AT_EMPTY_PATH).mode & S_IFMT) === S_IFREG) return fd;
  closeSync(fd);
  throw missing();
}

/** Gathers bytes in chunks of equal size, each with a buffer of its own. */
class Chunks {
  buffer = Buffer.allocUnsafeSlow(CHUNK);
  used = 0;

  get room(): number {
    return CHUNK - this.used;
  }

  *bytes(data: Buffer): Generator<Buffer> {
    for (let at = 0; at < data.length;) {
      const taken = data.copy(this.buffer, this.used, at);
      at += taken;
      yield* this.filled(taken);
    }
  }

  /** So many bytes were written to `buffer` from `used` on. */
  *filled(count: number): Generator<Buffer> {
    this.used += count;
    if (this.used < CHUNK) return;
    yield this.rest();
  }

  rest(): Buffer {
    const chunk = this.buffer.subarray(0, this.used);
    this.buffer = Buffer.allocUnsafeSlow(CHUNK);
    this.used = 0;
    return chunk;
  }
}
