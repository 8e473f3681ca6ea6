import { SYNC_FILE_RANGE_WRITE, type Native } from "../sys/index.ts";

const STEP = 8 * 1024 * 1024;

/**
 * Sends a growing file's bytes to the disk while it grows, so that the sync at its end finds little left to wait for.
 * A sync in between would also wait for whatever else was written meanwhile.
 */
export class WriteOut {
  readonly #native: Pick<Native, "syncFileRange">;
  readonly #fd: number;
  #from: number;
  #running: Promise<void> | undefined;

  /** @param fd stays open until `idle`; `from` bytes are there already. */
  constructor(native: Pick<Native, "syncFileRange">, fd: number, from: number) {
    this.#native = native;
    this.#fd = fd;
    this.#from = from;
  }

  /** The file has so many bytes now. */
  grown(size: number): void {
    if (size < this.#from) this.#from = 0; // it was begun anew
    if (size - this.#from < STEP || this.#running !== undefined) return;
    const from = this.#from;
    this.#from = size;
    this.#running = this.#send(from, size - from);
  }

  /** Returns when the descriptor is not in use. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #send(from: number, length: number): Promise<void> {
    try {
      await this.#native.syncFileRange(this.#fd, from, length, SYNC_FILE_RANGE_WRITE);
    } catch {
      // Not every file system can; the sync tells what is wrong with a disk.
    } finally {
      this.#running = undefined;
    }
  }
}
