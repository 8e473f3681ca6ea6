/** Who has done something this lately is passed over: the next beat is for it. */
const LATELY = 0.5;

interface Waiting {
  readonly since: number;
  readonly resolve: () => void;
}

/**
 * A beat that all who do something each so often share: what they do then can be done together, and the loop wakes up once.
 * It stands still while nobody waits.
 */
export class Beat {
  readonly #intervalMs: number;
  readonly #waiting = new Set<Waiting>();
  #isWound = false;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Until the next beat, or the signal. It keeps no process alive. */
  async next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { since: performance.now(), resolve };
    this.#waiting.add(waiting);
    this.#wind();
    const leave = (): void => resolve();
    signal.addEventListener("abort", leave, { once: true });
    await promise;
    signal.removeEventListener("abort", leave);
    this.#waiting.delete(waiting);
  }

  #wind(): void {
    if (this.#isWound) return;
    this.#isWound = true;
    const beat = this.#intervalMs;
    setTimeout(() => this.#strike(), beat - (performance.now() % beat)).unref();
  }

  #strike(): void {
    this.#isWound = false;
    const lately = performance.now() - this.#intervalMs * LATELY;
    for (const { since, resolve } of this.#waiting) {
      if (since <= lately) resolve();
    }
    // Those that were resolved leave within this turn.
    if ([...this.#waiting].some(({ since }) => since > lately)) this.#wind();
  }
}
