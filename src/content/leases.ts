/** Counted holds on names, within this process: what is held is not garbage. */
export class Leases {
  readonly #holds = new Map<string, number>();

  hold(name: string): Disposable {
    this.#holds.set(name, (this.#holds.get(name) ?? 0) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const left = (this.#holds.get(name) ?? 1) - 1;
        if (left === 0) this.#holds.delete(name);
        else this.#holds.set(name, left);
      },
    };
  }

  has(name: string): boolean {
    return this.#holds.has(name);
  }
}
