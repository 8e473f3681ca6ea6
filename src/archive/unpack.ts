import { createHash, type Hash } from "node:crypto";
import { closeSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { type Digest, parseDigest } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { decompress } from "./compression.ts";
import { openDirectory } from "./directories.ts";
import { tooLarge } from "./errors.ts";
import { type ExtractOptions, Extractor } from "./extractor.ts";
import { SplitWriter } from "./split-writer.ts";
import { TarReader } from "./tar-reader.ts";
import type { ArchiveLimits, UnpackRequest, UnpackResult } from "./types.ts";

/** What one layer may cost unless the caller says otherwise: far above what exists, far below endless. */
const DEFAULT_LIMITS: ArchiveLimits = { maxBytes: 1024 ** 4, maxEntries: 10_000_000 };

export type UnpackTask = Pick<
  UnpackRequest,
  "target" | "whiteouts" | "limits" | "owner" | "ids" | "noOverwriteDirNonDir" | "copyTo" | "splitTo"
> &
  Pick<ExtractOptions, "base">;

interface Hooks {
  onProgress: (bytes: number) => void;
  signal: AbortSignal;
}

/**
 * One pass over a source: inflate, hash and write the tree, and keep a copy or the split when asked to.
 * Runs in a worker: writing is synchronous. What was written stays on failure: the caller removes the target.
 */
export async function unpack(
  native: Native,
  task: UnpackTask,
  source: AsyncIterable<Uint8Array>,
  hooks: Hooks,
): Promise<UnpackResult> {
  const hash = createHash("sha256");
  const { digest, ...result } = await write(native, task, source, hooks, hash);
  const diffId = parseDigest(`sha256:${hash.digest("hex")}`);
  return { ...result, diffId, digest: digest ?? diffId };
}

/** The same without any digest. */
export async function extract(
  native: Native,
  task: UnpackTask,
  source: AsyncIterable<Uint8Array>,
  hooks: Hooks,
): Promise<undefined> {
  await write(native, task, source, hooks, undefined);
}

/** @param hash of the tar. The digest that is given is the source's, when the source is not the tar itself. */
async function write(
  native: Native,
  task: UnpackTask,
  source: AsyncIterable<Uint8Array>,
  hooks: Hooks,
  hash: Hash | undefined,
): Promise<Omit<UnpackResult, "diffId" | "digest"> & { digest: Digest | undefined }> {
  const limits = { ...DEFAULT_LIMITS, ...task.limits };
  const root = openDirectory(native, task.target);
  try {
    using split = task.splitTo === undefined ? undefined : new SplitWriter(task.splitTo);
    using extractor = new Extractor(native, root, { ...task, split });
    await using tap = new Tap(source, task.copyTo === undefined ? undefined : await openCopy(task.copyTo), hooks);
    const onRaw = split === undefined ? undefined : (piece: Buffer) => split.raw(piece);
    const reader = new TarReader(extractor, { maxEntries: limits.maxEntries, onRaw });
    const { format, bytes } = await decompress(tap);
    tap.hashing = hash !== undefined && format !== "none";
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > limits.maxBytes) throw tooLarge("bytes", limits.maxBytes);
      hash?.update(chunk);
      reader.push(chunk);
    }
    reader.finish();
    extractor.finish();
    await tap.drain();
    const { entries } = reader;
    const { written } = extractor;
    return { size, digest: tap.digest(), sourceSize: tap.size, entries, written, split: split?.finish() };
  } catch (error) {
    for (const file of [task.copyTo, task.splitTo]) if (file !== undefined) await rm(file, { force: true });
    throw error;
  } finally {
    closeSync(root);
  }
}

function openCopy(path: string): Promise<FileHandle> {
  return open(path, "wx", 0o600);
}

/** Sees every byte of the source on its way: counts, hashes, copies. */
class Tap implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #copy: FileHandle | undefined;
  readonly #hooks: { onProgress: (bytes: number) => void; signal: AbortSignal };
  readonly #hash = createHash("sha256");
  /** Chunks that came before it was known whether the source's hash differs from the tar's. */
  #early: Uint8Array[] = [];
  #hashing: boolean | undefined;
  size = 0;

  constructor(
    source: AsyncIterable<Uint8Array>,
    copy: FileHandle | undefined,
    hooks: { onProgress: (bytes: number) => void; signal: AbortSignal },
  ) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#copy = copy;
    this.#hooks = hooks;
  }

  set hashing(on: boolean) {
    this.#hashing = on;
    if (on) for (const chunk of this.#early) this.#hash.update(chunk);
    this.#early = [];
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    // No `return`: a decompressor that is content early must not end the source, whose digest covers all of it.
    return { next: () => this.#next() };
  }

  async drain(): Promise<void> {
    for (let next = await this.#next(); next.done !== true; next = await this.#next());
  }

  /** The source's digest when it differs from the tar's. */
  digest(): UnpackResult["digest"] | undefined {
    return this.#hashing === true ? parseDigest(`sha256:${this.#hash.digest("hex")}`) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#copy?.close();
    await this.#iterator.return?.();
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    this.#hooks.signal.throwIfAborted();
    const next = await this.#iterator.next();
    if (next.done === true) return next;
    const chunk = next.value;
    this.size += chunk.length;
    if (this.#hashing === undefined) this.#early.push(Buffer.from(chunk));
    else if (this.#hashing) this.#hash.update(chunk);
    if (this.#copy !== undefined) await writeWhole(this.#copy, chunk);
    this.#hooks.onProgress(this.size);
    return next;
  }
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}

/** Reads a region of a file in large pieces. Each is valid until the next one is asked for. */
export async function* readFileRegion(region: {
  file: string;
  offset?: number;
  length?: number;
}): AsyncGenerator<Uint8Array> {
  const file = await open(region.file, "r");
  try {
    let position = region.offset ?? 0;
    const end = region.length === undefined ? Number.MAX_SAFE_INTEGER : position + region.length;
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, end - position));
    while (position < end) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const READ_SIZE = 512 * 1024;
