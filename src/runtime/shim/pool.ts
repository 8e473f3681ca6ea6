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
 * Shims ahead of need, since a process's start is a large part of a container's. The first start makes one that never
 * gets a container: those that containers get are forks of it, made after a start for the next ones, or at the start when
 * none is left. Each is claimed by this daemon's connection, so that it ends with the daemon, however that ends.
 */
export class ShimPool implements AsyncDisposable {
  readonly #program: ShimProgram;
  readonly #root: string;
  readonly #size: number;
  readonly #logger: Logger;
  #template: Promise<Spare> | undefined;
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

  /** A shim whose directory is now `directory`, which must not exist; undefined without spares. */
  async take(directory: string): Promise<Shim | undefined> {
    if (this.#size === 0 || this.#closed) return undefined;
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
    await mkdir(directory, { mode: 0o700 });
    try {
      return (await this.#fork(directory)).claim(directory);
    } catch (error) {
      this.#logger.debug(`a supervisor was not forked: ${messageOf(error)}`);
      await rm(directory, { recursive: true, force: true });
      return undefined;
    }
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
    this.#fill = setTimeout(() => this.#startFilling(), QUIET_MS).unref();
    this.#idle = setTimeout(() => void this.#drain(), IDLE_MS).unref();
  }

  #startFilling(): void {
    // Forgotten afterwards and not by itself: with nothing to do it would have ended before it is noted.
    this.#filling ??= this.#refill().finally(() => (this.#filling = undefined));
  }

  async #refill(): Promise<void> {
    try {
      while (!this.#closed && this.#spares.length < this.#size) {
        const spare = await this.#make((directory) => this.#fork(directory));
        this.#spares.push(spare);
        void spare.shim.ended.then(() => this.#lose(spare));
      }
    } catch (error) {
      // A container's own start says what is wrong, if it still is.
      this.#logger.debug(`a spare supervisor was not started: ${messageOf(error)}`);
    }
  }

  async #fork(directory: string): Promise<SpareShim> {
    const made = (this.#template ??= this.#make((at) => Shim.spare(this.#program, at)));
    try {
      return await (await made).shim.fork(directory);
    } catch (error) {
      // The next one is forked of another.
      if (this.#template === made) this.#template = undefined;
      await this.#end(made);
      throw error;
    }
  }

  async #make(start: (directory: string) => Promise<SpareShim>): Promise<Spare> {
    const directory = join(this.#root, randomId().slice(0, 32));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      return { directory, shim: await start(directory) };
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async #drain(): Promise<void> {
    const spares = this.#spares;
    const template = this.#template;
    this.#spares = [];
    this.#template = undefined;
    await Promise.all([...spares.map((spare) => this.#drop(spare)), this.#end(template)]);
  }

  async #end(template: Promise<Spare> | undefined): Promise<void> {
    const spare = await template?.catch(() => undefined); // whoever wanted a fork has heard of it
    if (spare !== undefined) await this.#drop(spare);
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
