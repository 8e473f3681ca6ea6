import { messageOf } from "./errors.ts";
import type { Logger } from "./log.ts";

const FIRST_MS = 250;
const LAST_MS = 60_000;

/**
 * Work that must be done in the end but failed (a full disk, a busy kernel): done again later, each time after a longer
 * wait, until it works. The next boot finds again what a daemon that ends leaves.
 */
export class Retries implements Disposable {
  readonly #what: string;
  readonly #work: () => Promise<void>;
  readonly #logger: Logger;
  #wait = FIRST_MS;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  /** @param what names the work in the log; `work` rejects when it has to be done again. */
  constructor(parts: { what: string; work: () => Promise<void>; logger: Logger }) {
    this.#what = parts.what;
    this.#work = parts.work;
    this.#logger = parts.logger;
  }

  /** Notes that the work is due because of this failure. Several notes before the next try are one. */
  later(error: unknown): void {
    this.#logger.warn(`${this.#what} failed and will be tried again`, { error: messageOf(error) });
    this.soon();
  }

  /** Notes that the work is due, though it did not fail: something else did that leaves work of this kind. */
  soon(): void {
    if (this.#disposed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#again(), this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, LAST_MS);
  }

  async #again(): Promise<void> {
    this.#timer = undefined;
    try {
      await this.#work();
      this.#wait = FIRST_MS;
    } catch (error) {
      if (!this.#disposed) this.later(error);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
