/**
 * Finds a sequence of keys in what a client types; what may be its beginning is held back until that is decided. A key that
 * breaks the sequence does not begin it anew, as with Docker's: its command looks for the sequence, too, and would wait for
 * ever on a connection that only this side has found to be left.
 */
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
      pass.set(this.#keys.subarray(0, this.#matched), length);
      length += this.#matched;
      pass[length++] = byte;
      this.#matched = 0;
    }
    return { pass: pass.subarray(0, length), detached: false };
  }

  /** What is held back when the input ends. */
  rest(): Uint8Array {
    const held = this.#keys.slice(0, this.#matched);
    this.#matched = 0;
    return held;
  }
}
