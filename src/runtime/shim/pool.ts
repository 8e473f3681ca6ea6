import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf, randomId, type Logger } from "../../base/index.ts";
import type { ShimProgram } from "./launcher.ts";
import { Shim, type SpareShim } from "./shim.ts";

/** Starts that follow each other closely come before new spares. */
const QUIET_MS = 20;
/** Without a start for so long the spares are let go of. */
const IDLE_MS = 30_000;

interface Spare {
  directory: string;
  shim: SpareShim;
}

/**
 * Shims that were started before they are needed, since a process's start is a large part of a container's. They are
 * made after a start, never before the first one; each is claimed by this daemon's connection, so that it ends with the
 * daemon, however that ends.
 */
export class ShimPool implements AsyncDisposable {
  readonly #program: ShimProgram;
  readonly #root: string;
  readonly #size: number;
  readonly #logger: Logger;
  #spares: Spare[] = [];
  #filling: Promise<void> | undefined;
  #fill: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** Removes what an earlier daemon's pool left. @param size 0: no spares. */
  static async open(parts: { program: ShimProgram; root: string; size: number; logger: Logger }): Promise<ShimPool> {
    await rm(parts.root, { recursive: true, force: true });
    return new ShimPool(parts);
  }

  private constructor(parts: { program: ShimProgram; root: string; size: number; logger: Logger }) {
    this.#program = parts.program;
    this.#root = parts.root;
    this.#size = parts.size;
    this.#logger = parts.logger;
  }

  /** How many spares there are. */
  get ready(): number {
    return this.#spares.length;
  }

  /** A shim whose directory is now `directory`, which must not exist; undefined when none is ready. */
  async take(directory: string): Promise<Shim | undefined> {
    this.#later();
    for (let spare = this.#spares.shift(); spare !== undefined; spare = this.#spares.shift()) {
      try {
        await rename(spare.directory, directory);
        return spare.shim.claim(directory);
      } catch (error) {
        await this.#drop(spare);
        // Somebody cleaned up: the next one may still be there.
        if (errnoOf(error) !== "ENOENT") throw error;
      }
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#fill);
    clearTimeout(this.#idle);
    await this.#filling;
    await this.#drain();
    await rm(this.#root, { recursive: true, force: true });
  }

  #later(): void {
    clearTimeout(this.#fill);
    clearTimeout(this.#idle);
    if (this.#closed || this.#size === 0) return;
    this.#fill = setTimeout(() => (this.#filling ??= this.#refill()), QUIET_MS).unref();
    this.#idle = setTimeout(() => void this.#drain(), IDLE_MS).unref();
  }

  async #refill(): Promise<void> {
    try {
      while (!this.#closed && this.#spares.length < this.#size) await this.#add();
    } catch (error) {
      // A container's own start says what is wrong, if it still is.
      this.#logger.debug(`a spare supervisor was not started: ${messageOf(error)}`);
    } finally {
      this.#filling = undefined;
    }
  }

  async #add(): Promise<void> {
    const directory = join(this.#root, randomId().slice(0, 32));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      const spare = { directory, shim: await Shim.spare(this.#program, directory) };
      this.#spares.push(spare);
      void spare.shim.ended.then(() => this.#lose(spare));
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async #drain(): Promise<void> {
    const spares = this.#spares;
    this.#spares = [];
    await Promise.all(spares.map((spare) => this.#drop(spare)));
  }

  async #lose(spare: Spare): Promise<void> {
    if (!this.#spares.includes(spare)) return;
    this.#spares = this.#spares.filter((other) => other !== spare);
    await this.#drop(spare);
  }

  async #drop(spare: Spare): Promise<void> {
    spare.shim.close();
    try {
      await rm(spare.directory, { recursive: true, force: true });
    } catch (error) {
      this.#logger.debug(`a spare supervisor's directory is left: ${messageOf(error)}`);
    }
  }
}
