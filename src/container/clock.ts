import { MAX_DELAY, nowNanos } from "../base/index.ts";
import type { Clock } from "./types.ts";

/** The machine's time. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  after(milliseconds, work) {
    // What is to happen later than in 24 days happens then.
    const timer = setTimeout(work, Math.min(milliseconds, MAX_DELAY));
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  now: nowNanos,
};
