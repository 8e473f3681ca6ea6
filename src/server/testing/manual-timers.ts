import type { Timers } from "../http/index.ts";

interface Entry {
  readonly ms: number;
  readonly work: () => void;
  readonly repeats: boolean;
}

/** Time that passes when a test says so. */
export class ManualTimers implements Timers {
  readonly #entries = new Set<Entry>();

  after(ms: number, work: () => void): Disposable {
    return this.#add({ ms, work, repeats: false });
  }

  every(ms: number, work: () => void): Disposable {
    return this.#add({ ms, work, repeats: true });
  }

  /** How many limits of that length run. */
  pending(ms: number): number {
    return [...this.#entries].filter((entry) => entry.ms === ms).length;
  }

  /** Lets all limits of that length run out. */
  fire(ms: number): void {
    for (const entry of [...this.#entries].filter((one) => one.ms === ms)) {
      if (!entry.repeats) this.#entries.delete(entry);
      entry.work();
    }
  }

  #add(entry: Entry): Disposable {
    this.#entries.add(entry);
    return { [Symbol.dispose]: () => void this.#entries.delete(entry) };
  }
}
