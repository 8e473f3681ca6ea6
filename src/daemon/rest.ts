const TICK = 5_000;
/** A tick in which the process had less than this share of one processor was quiet: looking after the host takes that. */
const QUIET_SHARE = 0.02;
/** Milliseconds of work that are worth it to do something about what they left. */
const WORTH = 500;

/** What is done when a rest has lasted for so many milliseconds. */
export interface RestStep {
  readonly after: number;
  readonly act: () => void;
}

/**
 * What a daemon does when it comes to rest. JavaScript's heap and the allocator grow with a burst of work, and are looked
 * over only when more is asked of them: what is garbage would stay for as long as nothing is done. After half a minute it
 * is collected. After five minutes the compiled code goes as well, which is the larger half of what is left; the next few
 * requests compile theirs again.
 */
export function restSteps(): RestStep[] {
  // There only in the executable, which is built with --expose-gc.
  const collect = () => globalThis.gc?.();
  return [
    { after: 30_000, act: collect },
    { after: 300_000, act: () => Bun.shrink() },
  ];
}

/** Takes each step once in a rest that follows work. */
export class Rest implements Disposable {
  readonly #spent: () => number;
  readonly #steps: { readonly step: RestStep; worked: number }[];
  readonly #timer: NodeJS.Timeout;
  #before: number;
  #quiet = 0;
  #acted = false;

  /** @param spent processor time of the process so far, in milliseconds. */
  constructor(spent: () => number, steps: readonly RestStep[]) {
    this.#spent = spent;
    this.#steps = steps.map((step) => ({ step, worked: 0 }));
    this.#before = spent();
    this.#timer = setInterval(() => this.tick(), TICK).unref();
  }

  /** Looks what was done since the last look. */
  tick(): void {
    const now = this.#spent();
    const spent = now - this.#before;
    this.#before = now;
    // The step of the last tick works on in threads of the runtime: that is not what ends a rest.
    const quiet = spent < TICK * QUIET_SHARE || this.#acted;
    this.#acted = false;
    this.#quiet = quiet ? this.#quiet + 1 : 0;
    for (const each of this.#steps) {
      if (!quiet) each.worked += spent;
      if (this.#quiet * TICK < each.step.after || each.worked < WORTH) continue;
      each.worked = 0;
      each.step.act();
      this.#acted = true;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Processor time of this process and all of its threads, in milliseconds. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
