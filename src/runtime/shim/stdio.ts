import type { Socket } from "node:net";
import type { OutputChunk, StdioStream } from "../../api/index.ts";
import { DetachKeys } from "./detach-keys.ts";
import { Control, FRAME_HEADER_BYTES, FrameStream } from "./protocol.ts";

/** Output that waits for its reader before the socket is no longer read. */
const HIGH_WATER_BYTES = 256 * 1024;
const MAX_INPUT_FRAME = 1024 * 1024;

/** How a stream's output came to its end. */
export type StdioEnd = "drained" | "detached" | "lost" | "closed";

/**
 * A client's hold on a process's stdio, over a connection that the shim has turned into a stream. A reader that stops
 * holds the process back (its pipe fills up) until the shim's stall limit cuts it off.
 */
export class ShimStdio implements StdioStream {
  readonly tty: boolean;
  readonly output: AsyncIterable<OutputChunk>;
  readonly #socket: Socket;
  readonly #keys: DetachKeys;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #frameStream = 0;
  #frameLeft = 0;
  #chunks: OutputChunk[] = [];
  #chunkBytes = 0;
  #paused = false;
  #end: StdioEnd | undefined;
  #wake: (() => void) | undefined;
  #inputClosed = false;
  #closing: Promise<void> | undefined;

  constructor(socket: Socket, tty: boolean, detachKeys: Uint8Array, early: Buffer) {
    this.#socket = socket;
    this.tty = tty;
    // As in Docker, keys are looked for with a terminal only: a pipe's bytes are nobody's keys.
    this.#keys = new DetachKeys(tty ? detachKeys : new Uint8Array());
    this.output = { [Symbol.asyncIterator]: () => ({ next: () => this.#next(), return: () => this.#return() }) };
    socket.on("data", (data: Buffer) => this.#receive(data));
    socket.on("error", () => this.#finish("lost"));
    socket.on("close", () => this.#finish("lost"));
    if (early.length > 0) this.#receive(early);
  }

  /** Why `output` ended; undefined while it has not. */
  get end(): StdioEnd | undefined {
    return this.#end;
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#inputClosed || this.#end !== undefined) return;
    const { pass, detached } = this.#keys.scan(data);
    await this.#sendInput(pass);
    if (!detached) return;
    this.#inputClosed = true;
    this.#finish("detached");
    this.#socket.end(controlFrame(Control.inputDetach));
  }

  closeInput(): Promise<void> {
    return (this.#closing ??= this.#closeInput());
  }

  async #closeInput(): Promise<void> {
    if (this.#inputClosed) return;
    this.#inputClosed = true;
    if (this.#end !== undefined) return;
    await this.#sendInput(this.#keys.rest());
    await this.#send(controlFrame(Control.inputClose));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#inputClosed = true;
    this.#finish("closed");
    this.#socket.destroy();
  }

  async #sendInput(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_INPUT_FRAME) {
      const piece = data.subarray(at, at + MAX_INPUT_FRAME);
      const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + piece.length);
      frame.writeUInt32BE(FrameStream.stdin << 24, 0);
      frame.writeUInt32BE(piece.length, 4);
      frame.set(piece, FRAME_HEADER_BYTES);
      await this.#send(frame);
    }
  }

  #send(frame: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // An ended stream takes nothing more; that is told by `output`, not by a rejected write.
    this.#socket.write(frame, () => resolve());
    return promise;
  }

  #receive(data: Buffer): void {
    let at = 0;
    while (at < data.length && this.#end === undefined) {
      if (this.#frameLeft === 0) {
        const wanted = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, data.length - at);
        data.copy(this.#header, this.#headerBytes, at, at + wanted);
        at += wanted;
        this.#headerBytes += wanted;
        if (this.#headerBytes < FRAME_HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#frameStream = this.#header[0] ?? 0;
        this.#frameLeft = this.#header.readUInt32BE(4);
        continue;
      }
      const piece = data.subarray(at, at + this.#frameLeft);
      at += piece.length;
      this.#frameLeft -= piece.length;
      this.#take(piece);
    }
    if (this.#chunkBytes > HIGH_WATER_BYTES && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#notify();
  }

  #take(piece: Buffer): void {
    if (this.#frameStream === FrameStream.control) {
      this.#finish(piece[0] === Control.endDrained ? "drained" : "lost");
      this.#socket.destroy();
      return;
    }
    this.#chunks.push({ stream: this.#frameStream === FrameStream.stderr ? "stderr" : "stdout", data: piece });
    this.#chunkBytes += piece.length;
  }

  async #next(): Promise<IteratorResult<OutputChunk>> {
    for (;;) {
      if (this.#end === "closed" || this.#end === "detached") break;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#chunkBytes -= chunk.data.length;
        if (this.#paused && this.#chunkBytes < HIGH_WATER_BYTES / 2) {
          this.#paused = false;
          this.#socket.resume();
        }
        return { done: false, value: chunk };
      }
      if (this.#end !== undefined) break;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return { done: true, value: undefined };
  }

  async #return(): Promise<IteratorResult<OutputChunk>> {
    await this[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  }

  #finish(end: StdioEnd): void {
    this.#end ??= end;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function controlFrame(what: number): Buffer {
  return Buffer.from([FrameStream.control, 0, 0, 0, 0, 0, 0, 1, what]);
}
