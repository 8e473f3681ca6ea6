import { readSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import type { PeerCalls } from "../sys/index.ts";
import type { LentOutput } from "./types.ts";

const PIECE = 256 * 1024;

/**
 * Writes to a lent connection, in a worker: contents of files go from the page cache to the socket without being read.
 * Waits for the client. @throws EPIPE, or ECONNRESET, when it has gone or the connection was cut.
 */
export class LentWriter {
  readonly #native: Pick<PeerCalls, "sendAll" | "sendFile">;
  readonly #lent: LentOutput;
  /** The end of the chunk before, which goes with the next one's beginning. */
  #between = "";

  constructor(native: Pick<PeerCalls, "sendAll" | "sendFile">, lent: LentOutput) {
    this.#native = native;
    this.#lent = lent;
  }

  bytes(data: Buffer): void {
    if (data.length === 0) return;
    this.#begin(data.length);
    this.#native.sendAll(this.#lent.fd, data, 0);
  }

  /** Exactly so many bytes of a file: what it does not have any more is sent as zeros. */
  file(fd: number, position: number, length: number): void {
    if (length === 0) return;
    this.#begin(length);
    const sent = this.#sendFile(fd, position, length);
    if (sent < length) this.#copy(fd, position + sent, length - sent);
  }

  /** After the last piece. */
  end(): void {
    if (this.#between !== "") this.#native.sendAll(this.#lent.fd, Buffer.from(this.#between), 0);
    this.#between = "";
  }

  #begin(length: number): void {
    if (!this.#lent.chunked) return;
    this.#native.sendAll(this.#lent.fd, Buffer.from(`${this.#between}${length.toString(16)}\r\n`), 1);
    this.#between = "\r\n";
  }

  #sendFile(fd: number, position: number, length: number): number {
    try {
      return this.#native.sendFile(this.#lent.fd, fd, position, length);
    } catch (error) {
      if (errnoOf(error) === "EINVAL") return 0; // a file system without it
      throw error;
    }
  }

  #copy(fd: number, position: number, length: number): void {
    const buffer = Buffer.alloc(Math.min(length, PIECE));
    for (let done = 0; done < length;) {
      const room = Math.min(buffer.length, length - done);
      const got = readSync(fd, buffer, 0, room, position + done);
      if (got === 0) buffer.fill(0);
      const count = got === 0 ? room : got;
      this.#native.sendAll(this.#lent.fd, buffer.subarray(0, count), 0);
      done += count;
    }
  }
}
