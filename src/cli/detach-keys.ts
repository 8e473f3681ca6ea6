import { CliError } from "./errors.ts";

const DEFAULT_KEYS = "ctrl-p,ctrl-q";

/** The bytes of a key sequence: characters, `ctrl-<key>` in small letters, and `DEL`, joined by commas. @throws CliError */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = (text === "" ? DEFAULT_KEYS : text).split(",").map((key) => {
    const control = /^ctrl-([a-z@[\]\\^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.charCodeAt(0) & 0x1f;
    if (key === "DEL") return 127;
    const [only, ...more] = Buffer.from(key);
    if (only === undefined || more.length > 0) throw new CliError(`Unknown character: '${key}'`);
    return only;
  });
  return Uint8Array.from(bytes);
}

/**
 * Passes input on until the key sequence comes; keys that may begin it are held back until they do not. As with Docker's, a
 * key that breaks the sequence does not begin it anew: both sides of a connection look for it, and must find the same.
 */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What is to be passed on, and whether the sequence is complete. */
  feed(chunk: Uint8Array): { pass: Uint8Array; detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched), byte);
      this.#matched = 0;
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
