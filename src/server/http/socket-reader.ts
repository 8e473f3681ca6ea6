import type { Socket } from "node:net";
import { cancelled, type EngineError } from "../../base/index.ts";
import { type DescriptorCalls, descriptorOf, stopReading } from "./descriptor.ts";

/** Bytes taken from the kernel ahead of who reads them; beyond, the client has to wait. */
const AHEAD = 256 * 1024;

export const hungUp = (): EngineError => cancelled("the client has gone");

/**
 * Pulls bytes from a socket. It reads a little ahead, which is how a client that goes away is noticed while a handler works;
 * beyond that the socket is paused.
 */
export class SocketReader {
  /** Called once when the client has sent its last byte. */
  onEnd: (() => void) | undefined;

  readonly #socket: Socket;
  readonly #native: DescriptorCalls | undefined;
  readonly #chunks: Buffer[] = [];
  #buffered = 0;
  #paused = false;
  #ended = false;
  #broken = false;
  #discarding = false;
  #lent = false;
  #waiting: PromiseWithResolvers<Buffer | undefined> | undefined;

  /** @param native lends the socket to other threads; without it, none is lent. */
  constructor(socket: Socket, native?: DescriptorCalls) {
    this.#socket = socket;
    this.#native = native;
    socket.on("data", (chunk: Buffer) => this.#arrived(chunk));
    socket.on("end", () => this.#finish(false));
    socket.on("close", () => this.#finish(true));
  }

  /** No byte will come any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing is left to read either. */
  get exhausted(): boolean {
    return this.#ended && this.#buffered === 0;
  }

  /** The next bytes; undefined after the last ones. @throws cancelled when the connection broke. */
  read(): Promise<Buffer | undefined> | Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#buffered -= chunk.length;
      if (this.#paused && this.#buffered < AHEAD / 2) {
        this.#paused = false;
        this.#socket.resume();
      }
      return chunk;
    }
    if (this.#broken) return Promise.reject(hungUp());
    if (this.#ended) return undefined;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Gives back what was read too far. */
  unread(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#chunks.unshift(rest);
    this.#buffered += rest.length;
  }

  /** Leaves the reading to another thread, with what was read ahead. Undefined when that cannot be. */
  lend(): { fd: number; ahead: Buffer; giveBack(rest: Uint8Array | undefined): void } | undefined {
    if (this.#native === undefined || this.#ended || this.#lent || this.#discarding || this.#waiting !== undefined)
      return undefined;
    const descriptor = descriptorOf(this.#socket, this.#native);
    if (descriptor === undefined) return undefined;
    stopReading(this.#socket);
    this.#lent = true;
    this.#paused = true;
    const ahead = Buffer.concat(this.#chunks.splice(0), this.#buffered);
    this.#buffered = 0;
    return {
      fd: descriptor.fd,
      ahead,
      giveBack: (rest) => {
        descriptor.close();
        this.#lent = false;
        if (rest === undefined) return;
        this.unread(Buffer.from(rest));
        this.#paused = false;
        this.#socket.resume();
      },
    };
  }

  /** Drops all that is there and all that comes. */
  discard(): void {
    this.#discarding = true;
    this.#chunks.length = 0;
    this.#buffered = 0;
    this.#socket.resume();
  }

  #arrived(chunk: Buffer): void {
    if (this.#discarding) return;
    // Bytes that two threads read are in no order: nothing good can come of the connection.
    if (this.#lent) {
      this.#socket.destroy();
      return;
    }
    if (this.#waiting !== undefined) {
      this.#settle(chunk);
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= AHEAD && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  #settle(chunk: Buffer | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(chunk);
  }

  #finish(broken: boolean): void {
    if (broken && !this.#ended) this.#broken = true;
    const first = !this.#ended;
    this.#ended = true;
    if (this.#broken) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.reject(hungUp());
    } else this.#settle(undefined);
    if (first) this.onEnd?.();
  }
}
