/** One lock a key: holders of the same key run one after another, in order of arrival. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for the key, then gives a handle that releases it on dispose. */
  async acquire(key: string): Promise<Disposable> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = before === undefined ? promise : before.then(() => promise);
    this.#tails.set(key, tail);
    await before;
    return {
      [Symbol.dispose]: () => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        resolve();
      },
    };
  }

  /** Runs `work` while holding the key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    using _held = await this.acquire(key);
    return await work();
  }
}
