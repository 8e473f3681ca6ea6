import { nowNanos } from "../base/index.ts";
import type { Clock } from "./types.ts";

/** A timer beyond this would fire at once; what is to happen in 24 days or more happens then. */
const MAX_DELAY = 2 ** 31 - 1;

/** The machine's time. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  after(milliseconds, work) {
    const timer = setTimeout(work, Math.min(milliseconds, MAX_DELAY));
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  now: nowNanos,
};
