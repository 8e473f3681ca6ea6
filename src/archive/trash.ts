import { mkdir, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { cancelled, isKind, type Logger, messageOf } from "../base/index.ts";
import type { Archiver } from "./types.ts";

/** So long at most a directory's removal gives way to unpacking. */
const PATIENCE_MS = 10_000;
/** Where less than this part of the file system is free, what is unpacked may need the room. */
const ROOM = 0.1;

/**
 * Directories that are already gone for everybody: deleted one after another in the background. What a daemon leaves
 * there that is killed, or ends before it is done, is deleted after the next start. An image that is unpacked meanwhile
 * comes first: both would wait for the same journal and processors, and only the image is waited for.
 */
export class Trash implements AsyncDisposable {
  readonly folder: string;
  readonly #archiver: Archiver;
  readonly #quick: ((directory: string) => Promise<boolean>) | undefined;
  readonly #logger: Logger;
  readonly #ending = new AbortController();
  #tail: Promise<void> = Promise.resolve();

  /** @param options `quick` deletes a directory that needs no walk; false: it does. */
  constructor(options: {
    folder: string;
    archiver: Archiver;
    quick?: ((directory: string) => Promise<boolean>) | undefined;
    logger: Logger;
  }) {
    this.#quick = options.quick;
    this.folder = options.folder;
    this.#archiver = options.archiver;
    this.#logger = options.logger;
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Deletes an entry of the folder, later. */
  empty(name: string): void {
    this.#tail = this.#tail.then(() => this.#delete(name));
  }

  /** Deletes what is there from before. */
  async resume(): Promise<void> {
    for (const name of await readdir(this.folder)) this.empty(name);
  }

  /** When all that was thrown away so far is deleted. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  /** Stops; what is not deleted yet is left to the next start, for a daemon's end must not wait for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(cancelled("the daemon ends"));
    await this.#tail;
  }

  async #delete(name: string): Promise<void> {
    const { signal } = this.#ending;
    try {
      signal.throwIfAborted();
      if (await this.#hasRoom()) await this.#archiver.lull(PATIENCE_MS, signal);
      const directory = join(this.folder, name);
      if ((await this.#quick?.(directory)) !== true) await this.#archiver.removeTree(directory, signal);
    } catch (error) {
      if (isKind(error, "cancelled")) return; // the daemon ends: resumed at the next start
      this.#logger.warn("a removed directory cannot be deleted yet", { directory: name, error: messageOf(error) });
    }
  }

  async #hasRoom(): Promise<boolean> {
    const { bavail, blocks } = await statfs(this.folder);
    return bavail > blocks * ROOM;
  }
}
