const TICK = 5_000;
/** Ticks without work, one after the other, that make a rest. */
const QUIET_TICKS = 6;
/** A tick in which the process had less than this share of one processor was quiet: looking after the host takes that. */
const QUIET_SHARE = 0.02;
/** Milliseconds of work since the last rest that are worth it. */
const WORTH = 500;

/**
 * Calls `collect` once when half a minute of rest follows work. JavaScript's heap and the allocator grow with a burst of
 * work, and are looked over only when more is asked of them: what is garbage would stay for as long as nothing is done.
 *
 * @param spent processor time of the process so far, in milliseconds.
 */
export class Rest implements Disposable {
  readonly #spent: () => number;
  readonly #collect: () => void;
  readonly #timer: NodeJS.Timeout;
  #before: number;
  #worked = 0;
  #quiet = 0;

  constructor(spent: () => number, collect: () => void) {
    this.#spent = spent;
    this.#collect = collect;
    this.#before = spent();
    this.#timer = setInterval(() => this.tick(), TICK).unref();
  }

  /** Looks what was done since the last look. */
  tick(): void {
    const now = this.#spent();
    const spent = now - this.#before;
    this.#before = now;
    const quiet = spent < TICK * QUIET_SHARE;
    this.#quiet = quiet ? this.#quiet + 1 : 0;
    if (!quiet) this.#worked += spent;
    if (this.#quiet < QUIET_TICKS || this.#worked < WORTH) return;
    this.#worked = 0;
    this.#collect();
    this.#before = this.#spent();
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
