import type { Socket } from "node:net";
import { type Descriptor, type DescriptorCalls, descriptorOf } from "./descriptor.ts";
import { hungUp } from "./socket-reader.ts";

/** Pieces of this size go to the kernel by themselves; smaller ones are gathered. */
const LARGE = 16 * 1024;
const GATHER = 64 * 1024;

/**
 * Writes to a socket, gathering small pieces of one turn of the event loop into one system call. A writer that outruns its
 * client waits in `ready`.
 */
export class SocketWriter {
  readonly #socket: Socket;
  readonly #native: DescriptorCalls | undefined;
  #gathered: Uint8Array[] = [];
  #size = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** @param native lends the socket to other threads; without it, none is lent. */
  constructor(socket: Socket, native?: DescriptorCalls) {
    this.#socket = socket;
    this.#native = native;
    socket.on("drain", () => this.#unblock());
    socket.on("close", () => this.#close());
    // The error itself tells no more than that the client is gone; "close" follows.
    socket.on("error", () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes the bytes, which must not change afterwards. Dropped when the client has gone: `ready` tells. */
  write(data: Uint8Array | string): void {
    if (this.#closed || data.length === 0) return;
    const piece = typeof data === "string" ? Buffer.from(data) : data;
    if (piece.length >= LARGE) {
      this.flush();
      this.#send(piece);
      return;
    }
    this.#gathered.push(piece);
    this.#size += piece.length;
    if (this.#size >= GATHER) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushScheduled);
    }
  }

  /** Sends what was gathered at once. */
  flush(): void {
    if (this.#size === 0) return;
    const [only] = this.#gathered;
    const all = this.#gathered.length === 1 && only !== undefined ? only : Buffer.concat(this.#gathered, this.#size);
    this.#gathered = [];
    this.#size = 0;
    this.#send(all);
  }

  /**
   * Undefined when more may be written at once, else a promise for when the client has caught up.
   * @throws cancelled when the client has gone.
   */
  ready(): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(hungUp());
    if (!this.#blocked) return undefined;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /**
   * A descriptor for another thread to write to, once all that was written has left. Nothing may be written until that is
   * done. Undefined when there is none to be had. @throws cancelled when the client has gone.
   */
  async lend(): Promise<Descriptor | undefined> {
    if (this.#native === undefined) return undefined;
    this.flush();
    await this.ready();
    return this.#socket.writableLength > 0 ? undefined : descriptorOf(this.#socket, this.#native);
  }

  /** Sends what is left and then closes this direction. */
  end(): void {
    this.flush();
    if (!this.#closed) this.#socket.end();
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #send(data: Uint8Array): void {
    if (!this.#closed && !this.#socket.write(data)) this.#blocked = true;
  }

  #unblock(): void {
    this.#blocked = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }

  #close(): void {
    this.#closed = true;
    this.#gathered = [];
    this.#size = 0;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(hungUp());
  }
}
