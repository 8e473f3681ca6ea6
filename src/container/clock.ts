import { nowNanos } from "../base/index.ts";
import type { Clock } from "./types.ts";

/** The machine's time. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  after(milliseconds, work) {
    const timer = setTimeout(work, milliseconds);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  now: nowNanos,
};
