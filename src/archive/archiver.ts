import type { Archiver, UnpackRequest } from "./types.ts";
import { availableParallelism } from "node:os";
import { WorkerPool } from "./worker-pool.ts";
import type { Tasks } from "./worker-protocol.ts";

/**
 * The archive layer over its worker threads.
 * @param options `addonPath`: where workers find the native addon when it is not in its place of the source tree.
 */
export function createArchiver(options: { addonPath?: string } = {}): Archiver {
  const pool = new WorkerPool({ addonPath: options.addonPath });
  const gate = new Gate(Math.max(2, availableParallelism()));
  const unpacking = new Busy();
  return {
    unpack: (request) => unpacking.during(unpack(pool, gate, "unpack", request)),
    extract: (request) => unpacking.during(unpack(pool, gate, "extract", request)),
    lull: (limitMs, signal) => unpacking.over(limitMs, signal),
    join: ({ signal, ...args }) => pool.stream("join", args, signal),
    pack: ({ signal, ...args }) => pool.stream("pack", args, signal),
    stat: (root, path) => pool.run("stat", { root, path }),
    get: async (root, path, { ids, signal } = {}) => {
      const stat = await pool.run("stat", { root, path }, { signal });
      return { stat, body: pool.stream("get", { root, path, ids }, signal) };
    },
    put: async (root, path, source, { signal, owner, ids, noOverwriteDirNonDir }) => {
      const args = { root, path, ids, noOverwriteDirNonDir, ...(owner === undefined ? {} : { owner }) };
      await pool.run("put", args, { input: source, signal });
    },
    overlayChanges: (upper, lowers) => pool.run("overlayChanges", { upper, lowers }),
    treeChanges: (before, after) => pool.run("treeChanges", { before, after }),
    copyTree: (from, to) => pool.run("copyTree", { from, to }),
    copyWithin: (root, path, to, ids) => pool.run("copyWithin", { root, path, to, ids }),
    removeTree: (path, signal) => pool.run("removeTree", { path }, { signal }),
    emptyDirectory: (directory) => pool.run("emptyDirectory", { directory }),
    usage: (root) => pool.run("usage", { root }),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

async function unpack<K extends "unpack" | "extract">(
  pool: WorkerPool,
  gate: Gate,
  kind: K,
  request: UnpackRequest,
): Promise<Tasks[K]["result"]> {
  const { source, onProgress, signal, ...task } = request;
  const options = { signal, ...(onProgress === undefined ? {} : { onProgress }) };
  if (Symbol.asyncIterator in source) {
    return await pool.run(kind, { ...task, source: "stream" }, { ...options, input: source });
  }
  // Files wait for nobody, so more of them at once than there are processors gain nothing.
  using _pass = await gate.enter(signal);
  return await pool.run(kind, { ...task, source }, options);
}

/** Knows whether work of a kind is going on. */
class Busy {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  async during<T>(work: Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await work;
    } finally {
      if (--this.#count === 0) for (const wake of this.#waiting) wake();
    }
  }

  async over(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#count === 0 || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      signal?.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }
}

/** Lets so many in at once. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  async enter(signal: AbortSignal | undefined): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const pass = { [Symbol.dispose]: () => this.#leave() };
    if (signal?.aborted === true) {
      this.#leave();
      signal.throwIfAborted();
    }
    return pass;
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
