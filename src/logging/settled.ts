const waiting = new WeakMap<Promise<void>, Set<() => void>>();

/**
 * Calls back once a promise has settled, unless disposed before. What is given to `then` is kept for as long as the promise
 * lasts, which is as long as a container runs: followers that have gone would stay in memory with all that they held.
 */
export function onceSettled(promise: Promise<void>, done: () => void): Disposable {
  let all = waiting.get(promise);
  if (all === undefined) {
    const those = (all = new Set<() => void>());
    waiting.set(promise, those);
    const tell = () => {
      waiting.delete(promise);
      for (const each of those) each();
    };
    promise.then(tell, tell);
  }
  all.add(done);
  return { [Symbol.dispose]: () => void all.delete(done) };
}
