import type { Logger } from "../base/index.ts";

const TICK = 500;
/** Milliseconds of lateness that are reported: below that, a busy machine is the likelier cause. */
const LATE = 250;

/** Reports when something held the event loop. @param delay every lateness, in seconds. */
export function startWatchdog(logger: Logger, delay: { observe(seconds: number): void }): Disposable {
  let due = performance.now() + TICK;
  const timer = setInterval(() => {
    const late = performance.now() - due;
    due = performance.now() + TICK;
    delay.observe(Math.max(0, late) / 1000);
    if (late > LATE) logger.warn("the event loop was held", { milliseconds: Math.round(late) });
  }, TICK);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
