import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { parseDigest, type Digest } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { asWriteError, wrongDigest, wrongSize } from "./errors.ts";
import type { BlobInfo, ResumableWriter } from "./types.ts";
import { WriteOut } from "./write-out.ts";

/** Interrupted downloads are kept this long. */
const STALE_MS = 7 * 24 * 60 * 60 * 1000;
const READ_SIZE = 256 * 1024;

type Adopt = (file: string, blob: BlobInfo, options: { durable?: boolean } | undefined) => Promise<void>;

interface PartialFileParts {
  native: Pick<Native, "syncFileRange">;
  path: string;
  expected: BlobInfo;
  adopt: Adopt;
  lock: Disposable;
}

/** The bytes of a download so far, in a file named by the digest that they should have. */
export class PartialFile implements ResumableWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #expected: BlobInfo;
  readonly #adopt: Adopt;
  readonly #lock: Disposable;
  readonly #writeOut: WriteOut;
  #size: number;
  #state: "open" | "closed" = "open";

  private constructor({ native, path, expected, adopt, lock }: PartialFileParts, file: FileHandle, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#expected = expected;
    this.#adopt = adopt;
    this.#lock = lock;
    this.#writeOut = new WriteOut(native, file.fd, size);
  }

  /** Goes on with the file, if there is one. Until it is disposed, the lock is held. */
  static async open(parts: PartialFileParts): Promise<PartialFile> {
    const file = await open(parts.path, "a+", 0o600);
    const partial = new PartialFile(parts, file, (await file.stat()).size);
    if (partial.#size > parts.expected.size) await partial.restart();
    return partial;
  }

  get offset(): number {
    return this.#size;
  }

  async *written(): AsyncGenerator<Uint8Array> {
    if (this.#size === 0) return;
    const stream = createReadStream(this.#path, { end: this.#size - 1, highWaterMark: READ_SIZE });
    try {
      for await (const chunk of stream) yield chunk as Uint8Array; // a stream without encoding gives bytes
    } finally {
      stream.destroy();
    }
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#size + data.length > this.#expected.size) {
      throw wrongSize(this.#expected.size, this.#size + data.length);
    }
    try {
      await this.#file.appendFile(data);
    } catch (error) {
      throw asWriteError(error);
    }
    this.#size += data.length;
    this.#writeOut.grown(this.#size);
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#size = 0;
  }

  async commit(digest?: Digest, options?: { durable?: boolean }): Promise<void> {
    try {
      const { digest: expected, size } = this.#expected;
      if (this.#size !== size) throw wrongSize(size, this.#size);
      const found = digest ?? (await this.#hash());
      if (found !== expected) throw wrongDigest(expected, found);
    } catch (error) {
      await rm(this.#path, { force: true });
      throw error;
    }
    await this.#adopt(this.#path, this.#expected, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    try {
      await this.#writeOut.idle();
      await this.#file.close();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  async #hash(): Promise<Digest> {
    const hash = createHash("sha256");
    for await (const chunk of this.written()) hash.update(chunk);
    return parseDigest(`sha256:${hash.digest("hex")}`);
  }
}

/** Boot: interrupted downloads that nobody went on with for a week. */
export async function removeStalePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (Date.now() - (await stat(path)).mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}
