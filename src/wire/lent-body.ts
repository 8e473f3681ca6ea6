import { errnoOf } from "../base/index.ts";
import type { PeerCalls } from "../sys/index.ts";
import { BodyFraming } from "./body-framing.ts";
import { cutShort } from "./errors.ts";
import type { InputLeft, LentInput } from "./types.ts";

/** Contents of many chunks are put together: a file is written in pieces of this size. */
const PIECE = 256 * 1024;
/** What stands between chunks of up to 64 KiB, which is what Go's clients send: no byte of a content comes with it. */
const BETWEEN = "\r\n8000\r\n".length;
/** So long a thread sits there for a client that sends nothing, before it looks whether it is to go on. */
const PATIENCE_MS = 250;
const NOTHING = Buffer.alloc(0);

/**
 * Reads a lent body, in a worker: the contents of chunks go from the socket to their place in one buffer by one system call
 * each, with the few bytes between chunks beside it.
 */
export class LentBody {
  readonly #native: Pick<PeerCalls, "receive">;
  readonly #fd: number;
  readonly #framing: BodyFraming;
  readonly #between = Buffer.alloc(BETWEEN);
  /** Bytes at hand, framing and all. */
  #rest: Buffer;

  constructor(native: Pick<PeerCalls, "receive">, lent: LentInput) {
    this.#native = native;
    this.#fd = lent.fd;
    this.#framing = new BodyFraming({ ...lent.framing });
    this.#rest = Buffer.from(lent.ahead.buffer, lent.ahead.byteOffset, lent.ahead.byteLength);
  }

  /** What the lender needs to go on. */
  left(): InputLeft {
    return { framing: this.#framing.state, rest: this.#rest };
  }

  /**
   * The body. Each piece is valid until the next one is asked for.
   * @param hear is awaited between pieces of a slow client; it throws to end the reading.
   * @throws invalid when the body is malformed or cut short.
   */
  async *pieces(hear: () => Promise<void>): AsyncGenerator<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    while (!this.#framing.done) {
      const { used, waits } = this.#fill(buffer);
      if (used > 0) yield buffer.subarray(0, used);
      if (waits) await hear();
    }
  }

  /** Fills the buffer as far as the body or the client's speed allows. */
  #fill(buffer: Buffer): { used: number; waits: boolean } {
    const framing = this.#framing;
    let used = 0;
    while (used < buffer.length && !framing.done) {
      if (this.#rest.length > 0) {
        used += this.#takeRest(buffer, used);
        continue;
      }
      const wanted = Math.min(framing.left, buffer.length - used);
      const beyond = framing.isChunked && wanted === framing.left ? BETWEEN : 0;
      const got = this.#receive(buffer, used, wanted, beyond);
      if (got === undefined) return { used, waits: true };
      if (got === 0) throw cutShort();
      const content = Math.min(got, wanted);
      used += content;
      if (content > 0) framing.take(content);
      this.#rest = this.#between.subarray(0, got - content);
    }
    return { used, waits: false };
  }

  #takeRest(buffer: Buffer, used: number): number {
    const framing = this.#framing;
    if (framing.left === 0) {
      this.#rest = this.#rest.subarray(framing.skip(this.#rest));
      return 0;
    }
    const taken = this.#rest.copy(buffer, used, 0, framing.left);
    framing.take(taken);
    this.#rest = taken === this.#rest.length ? NOTHING : this.#rest.subarray(taken);
    return taken;
  }

  /** Undefined when nothing came for a while. */
  #receive(buffer: Buffer, at: number, length: number, beyond: number): number | undefined {
    try {
      return this.#native.receive(this.#fd, buffer, at, length, this.#between, beyond, PATIENCE_MS);
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") return undefined;
      if (errnoOf(error) === "ECONNRESET") return 0;
      throw error;
    }
  }
}
