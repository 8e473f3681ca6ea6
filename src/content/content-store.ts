import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  errnoOf,
  hexOf,
  isDigest,
  KeyedLock,
  parseDigest,
  syncDirectory,
  type Digest,
  type Logger,
} from "../base/index.ts";
import { asWriteError, noSuchBlob, wrongDigest, wrongSize } from "./errors.ts";
import { Leases } from "./leases.ts";
import type { Native } from "../sys/index.ts";
import { PartialFile, removeStalePartials } from "./partial-file.ts";
import type { BlobInfo, ContentStore, Expected, LeasedBlob, ResumableWriter } from "./types.ts";
import { WriteOut } from "./write-out.ts";

const READ_SIZE = 256 * 1024;

/**
 * Opens the store beneath `root`, making its folders.
 * @param options.root its own directory: `blobs/sha256`, `partial` and `scratch` are made in it, mode 0700.
 */
export async function openContentStore(options: {
  root: string;
  native: Pick<Native, "syncFileRange">;
  logger: Logger;
}): Promise<ContentStore> {
  const store = new FileContentStore(options.root, options.native, options.logger);
  await store.makeFolders();
  return store;
}

class FileContentStore implements ContentStore {
  readonly #blobs: string;
  readonly #partial: string;
  readonly #scratch: string;
  readonly #native: Pick<Native, "syncFileRange">;
  readonly #logger: Logger;
  readonly #leases = new Leases();
  readonly #locks = new KeyedLock();

  constructor(root: string, native: Pick<Native, "syncFileRange">, logger: Logger) {
    this.#native = native;
    this.#blobs = join(root, "blobs", "sha256");
    this.#partial = join(root, "partial");
    this.#scratch = join(root, "scratch");
    this.#logger = logger;
  }

  async makeFolders(): Promise<void> {
    for (const folder of [this.#blobs, this.#partial, this.#scratch]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }

  async ingest(source: AsyncIterable<Uint8Array>, expected: Expected = {}, signal?: AbortSignal): Promise<LeasedBlob> {
    const temporary = join(this.#scratch, randomBytes(12).toString("hex"));
    try {
      const blob = await writeHashed(this.#native, temporary, source, expected.size, signal);
      if (expected.size !== undefined && blob.size !== expected.size) throw wrongSize(expected.size, blob.size);
      if (expected.digest !== undefined && blob.digest !== expected.digest) {
        throw wrongDigest(expected.digest, blob.digest);
      }
      // Leased first: an equal blob may be there already, and about to be deleted.
      using leases = new DisposableStack();
      const lease = leases.use(this.lease(blob.digest));
      await this.adopt(temporary, blob);
      leases.move();
      return { ...blob, [Symbol.dispose]: () => lease[Symbol.dispose]() };
    } catch (error) {
      throw asWriteError(error);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async adopt(file: string, blob: BlobInfo, options: { durable?: boolean } = {}): Promise<void> {
    using _held = await this.#locks.acquire(blob.digest);
    const target = this.pathOf(blob.digest);
    if ((await sizeOf(target)) === blob.size) {
      await rm(file, { force: true });
      return;
    }
    const durable = options.durable !== false;
    await chmod(file, 0o600);
    if (durable) await syncFile(file);
    await rename(file, target);
    if (durable) await syncDirectory(this.#blobs);
  }

  async sync(digests: Iterable<Digest>): Promise<void> {
    // At once: the file system writes them all with one commit of its journal.
    await Promise.all([...new Set(digests)].map((digest) => syncFile(this.pathOf(digest))));
    await syncDirectory(this.#blobs);
  }

  async resume(blob: BlobInfo): Promise<ResumableWriter> {
    const lock = await this.#locks.acquire(`partial ${blob.digest}`);
    try {
      const path = join(this.#partial, hexOf(blob.digest));
      return await PartialFile.open({
        native: this.#native,
        path,
        expected: blob,
        adopt: (file, found, options) => this.adopt(file, found, options),
        lock,
      });
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  pathOf(digest: Digest): string {
    return join(this.#blobs, hexOf(digest));
  }

  async *read(digest: Digest, offset = 0): AsyncGenerator<Uint8Array> {
    const stream = createReadStream(this.pathOf(digest), { start: offset, highWaterMark: READ_SIZE });
    try {
      for await (const chunk of stream) yield chunk as Uint8Array; // a stream without encoding gives bytes
    } catch (error) {
      throw errnoOf(error) === "ENOENT" ? noSuchBlob(digest, error) : error;
    } finally {
      stream.destroy();
    }
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return await sizeOf(this.pathOf(digest));
  }

  async delete(digest: Digest): Promise<boolean> {
    using _held = await this.#locks.acquire(digest);
    if (this.#leases.has(digest)) return false;
    await rm(this.pathOf(digest), { force: true });
    return true;
  }

  lease(digest: Digest): Disposable {
    return this.#leases.hold(digest);
  }

  async scratch(): Promise<{ path: string } & AsyncDisposable> {
    const path = join(this.#scratch, randomBytes(12).toString("hex"));
    await mkdir(path, { mode: 0o700 });
    return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
  }

  async sweep(keep: (digest: Digest) => boolean): Promise<void> {
    for (const name of await readdir(this.#scratch)) {
      await rm(join(this.#scratch, name), { recursive: true, force: true });
    }
    await removeStalePartials(this.#partial);
    for (const name of await readdir(this.#blobs)) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) await rm(join(this.#blobs, name), { recursive: true, force: true });
      else if (!keep(digest) && (await this.delete(digest))) this.#logger.info("removed unused blob", { digest });
    }
  }
}

async function writeHashed(
  native: Pick<Native, "syncFileRange">,
  path: string,
  source: AsyncIterable<Uint8Array>,
  limit: number | undefined,
  signal: AbortSignal | undefined,
): Promise<BlobInfo> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(path, "wx", 0o600);
  const writeOut = new WriteOut(native, file.fd, 0);
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      size += chunk.length;
      // A source that never ends must not fill the disk when its size is known.
      if (limit !== undefined && size > limit) throw wrongSize(limit, size);
      hash.update(chunk);
      await file.writeFile(chunk);
      writeOut.grown(size);
    }
  } finally {
    await writeOut.idle();
    await file.close();
  }
  return { digest: parseDigest(`sha256:${hash.digest("hex")}`), size };
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
