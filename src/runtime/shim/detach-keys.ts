/** Finds a sequence of keys in what a client types; what may be its beginning is held back until that is decided. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  /** @param keys empty: nothing is ever found. */
  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What is to be passed on now, and whether the sequence was typed to its end (what follows it is dropped). */
  scan(data: Uint8Array): { pass: Uint8Array; detached: boolean } {
    if (this.#keys.length === 0) return { pass: data, detached: false };
    // At most everything that was held back and everything that came.
    const pass = new Uint8Array(this.#matched + data.length);
    let length = 0;
    for (const byte of data) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) {
          this.#matched = 0;
          return { pass: pass.subarray(0, length), detached: true };
        }
        continue;
      }
      // The longest beginning of the sequence that ends with this byte; what stands before it was typed in earnest.
      const typed = [...this.#keys.subarray(0, this.#matched), byte];
      const kept = this.#longestBeginning(typed);
      const earnest = typed.length - kept;
      pass.set(typed.slice(0, earnest), length);
      length += earnest;
      this.#matched = kept;
    }
    return { pass: pass.subarray(0, length), detached: false };
  }

  /** What is held back when the input ends. */
  rest(): Uint8Array {
    const held = this.#keys.slice(0, this.#matched);
    this.#matched = 0;
    return held;
  }

  #longestBeginning(typed: readonly number[]): number {
    for (let length = Math.min(typed.length, this.#keys.length - 1); length > 0; length--) {
      const start = typed.length - length;
      if (typed.slice(start).every((byte, index) => byte === this.#keys[index])) return length;
    }
    return 0;
  }
}
