/** Time limits, behind an interface so that tests need not wait for them. */
export interface Timers {
  /** Runs `work` once after that time, unless disposed first. Does not keep the process alive. */
  after(ms: number, work: () => void): Disposable;
  /** Runs `work` again and again until disposed. */
  every(ms: number, work: () => void): Disposable;
}

export const systemTimers: Timers = {
  after(ms, work) {
    const timer = setTimeout(work, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  every(ms, work) {
    const timer = setInterval(work, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
