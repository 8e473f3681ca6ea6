import { EngineError } from "../../base/index.ts";
import { BodyFraming, cutShort, type InputLoan, LEND, type LendableInput } from "../../wire/index.ts";
import { HttpFault } from "./fault.ts";
import type { Framing } from "./head.ts";
import type { SocketReader } from "./socket-reader.ts";

/** The bytes after a request's head, pulled from the socket as they are asked for. */
export class RequestBody implements LendableInput {
  readonly #reader: SocketReader;
  #framing: BodyFraming;
  /** It is lent, or came back from a loan without anybody knowing how far it was read. */
  #away = false;
  #beforeFirst: (() => void) | undefined;

  /** @param beforeFirst called before the first byte is awaited: the place for `100 Continue`. */
  constructor(reader: SocketReader, framing: Framing, beforeFirst?: () => void) {
    this.#reader = reader;
    this.#framing = framing.kind === "chunked" ? BodyFraming.chunked() : BodyFraming.ofLength(framing.length);
    this.#beforeFirst = beforeFirst;
  }

  /** Nothing more will come; true from the start when there is no body. */
  get done(): boolean {
    return this.#framing.done;
  }

  /** The client still waits for `100 Continue`, so the body will not come unless it is asked for. */
  get unasked(): boolean {
    return this.#beforeFirst !== undefined && !this.done;
  }

  /** The next bytes, undefined after the last. @throws invalid when the body is cut short or its chunks are malformed. */
  async read(): Promise<Buffer | undefined> {
    this.#ask();
    while (!this.done) {
      const next = this.#away ? undefined : this.#reader.read();
      const piece = next instanceof Promise ? await next : next;
      if (piece === undefined) throw cutShort();
      const { left } = this.#framing;
      if (left > 0) {
        const part = piece.length > left ? piece.subarray(0, left) : piece;
        if (part.length < piece.length) this.#reader.unread(piece.subarray(part.length));
        this.#framing.take(part.length);
        return part;
      }
      this.#reader.unread(piece.subarray(this.#skip(piece)));
    }
    return undefined;
  }

  /** The whole body. @throws HttpFault 413 when it is longer than `limit`. */
  async readAll(limit: number): Promise<Buffer> {
    if (!this.#framing.isChunked && this.#framing.left > limit)
      throw new HttpFault(413, "http: request body too large");
    const parts: Buffer[] = [];
    let size = 0;
    for (let part = await this.read(); part !== undefined; part = await this.read()) {
      size += part.length;
      if (size > limit) throw new HttpFault(413, "http: request body too large");
      parts.push(part);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, size);
  }

  /** Reads on without keeping anything. Gives false when more than `limit` is left. */
  async drain(limit: number): Promise<boolean> {
    if (!this.#framing.isChunked && this.#framing.left > limit) return false;
    let size = 0;
    while (!this.done) {
      const part = await this.read();
      size += part?.length ?? 0;
      if (size > limit) return false;
    }
    return true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (let part = await this.read(); part !== undefined; part = await this.read()) yield part;
  }

  [LEND](): InputLoan | undefined {
    if (this.done || this.#away) return undefined;
    const loan = this.#reader.lend();
    if (loan === undefined) return undefined;
    this.#away = true;
    this.#ask();
    return {
      lent: { fd: loan.fd, framing: this.#framing.state, ahead: loan.ahead },
      giveBack: (left) => {
        loan.giveBack(left?.rest);
        if (left === undefined) return;
        this.#framing = new BodyFraming(left.framing);
        this.#away = false;
      },
    };
  }

  #ask(): void {
    if (this.done) return;
    this.#beforeFirst?.();
    this.#beforeFirst = undefined;
  }

  #skip(piece: Buffer): number {
    try {
      return this.#framing.skip(piece);
    } catch (error) {
      throw error instanceof EngineError ? new HttpFault(400, error.message) : error;
    }
  }
}
