import { watch } from "node:fs";
import { dirname } from "node:path";
import { onceSettled } from "./settled.ts";

/** Looks again after so long even when the kernel said nothing (a queue that overflowed). */
const PATIENCE = 1000;

/** Tells when something in a log's folder changed, so that a follower looks again. */
export class Changes implements Disposable {
  readonly #close: () => void;
  #changed = false;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param ended,signal also wake the follower. */
  constructor(path: string, ended: Promise<void>, signal: AbortSignal) {
    const notify = () => {
      this.#changed = true;
      this.#wake?.();
    };
    const watcher = watch(dirname(path), { persistent: false }, notify);
    watcher.on("error", notify);
    signal.addEventListener("abort", notify);
    const waits = onceSettled(ended, () => {
      this.#ended = true;
      notify();
    });
    this.#close = () => {
      waits[Symbol.dispose]();
      watcher.close();
      signal.removeEventListener("abort", notify);
    };
  }

  /** Nothing is written any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves at the next change, or at once when there was one since the last call. */
  async next(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#wake?.();
  }
}
