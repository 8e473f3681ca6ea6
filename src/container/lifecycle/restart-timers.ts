import type { Logger } from "../../base/index.ts";
import { messageOf } from "../../base/index.ts";
import { nextDelay } from "../restart-policy.ts";
import type { Clock } from "../types.ts";

/** Containers that wait for their next start, each with a delay that grows. */
export class RestartTimers {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #delays = new Map<string, number>();
  readonly #waiting = new Map<string, Disposable>();
  #closed = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param ranFor milliseconds of the run that ended: long ones reset the delay. */
  schedule(id: string, ranFor: number, start: () => Promise<void>): void {
    if (this.#closed) return;
    const delay = nextDelay(this.#delays.get(id) ?? 0, ranFor);
    this.#delays.set(id, delay);
    this.cancel(id);
    const timer = this.#clock.after(delay, () => {
      this.#waiting.delete(id);
      start().catch((error: unknown) =>
        this.#logger.error("a restart failed", { container: id, error: messageOf(error) }),
      );
    });
    this.#waiting.set(id, timer);
  }

  cancel(id: string): void {
    this.#waiting.get(id)?.[Symbol.dispose]();
    this.#waiting.delete(id);
  }

  /** The user took over, or the container is gone. */
  forget(id: string): void {
    this.cancel(id);
    this.#delays.delete(id);
  }

  /** Starts nothing any more: the next daemon does. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#waiting.values()) timer[Symbol.dispose]();
    this.#waiting.clear();
  }
}
