import { rmSync, writeFileSync } from "node:fs";

/** Enough for the commits of some hundred removals. */
const SIZE = 512 * 1024;

/** Room on the disk that is kept for the time when there is none. */
export class Reserve {
  readonly #path: string;
  #there = false;

  /** Takes the room now if there is any. */
  constructor(path: string) {
    this.#path = path;
    try {
      writeFileSync(path, Buffer.alloc(SIZE, 0x62), { mode: 0o600 });
      this.#there = true;
    } catch {
      // The disk is full already, or read-only.
      rmSync(path, { force: true });
    }
  }

  /** Gives the room back to the file system; false when there was none left. The next start takes it again. */
  spend(): boolean {
    if (!this.#there) return false;
    this.#there = false;
    rmSync(this.#path, { force: true });
    return true;
  }
}
