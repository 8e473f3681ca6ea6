import { dialNative, type DialTarget, type NativeSocket, type SocketHandlers } from "./native.ts";

const HIGH_WATER = 1 << 20;

/** A connection read by pulling and written with back-pressure. */
export class ByteStream {
  #socket: NativeSocket | undefined;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #paused = false;
  #ended = false;
  #closed = false;
  #failure: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  /** Connects. @throws the system's error. */
  static async dial(target: DialTarget): Promise<ByteStream> {
    const stream = new ByteStream();
    const handlers: SocketHandlers = {
      data: (bytes) => stream.#receive(bytes),
      end: () => {
        stream.#ended = true;
        stream.#wake();
      },
      drain: () => stream.#wake(),
      close: (error) => {
        stream.#ended = true;
        stream.#closed = true;
        stream.#failure ??= error;
        stream.#wake();
      },
    };
    stream.#socket =
      target.kind === "ssh"
        ? await (await import("./ssh.ts")).dialSsh(target, handlers)
        : await dialNative(target, handlers);
    return stream;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True when nothing is buffered and the other side has not ended: fit for another request. */
  get idle(): boolean {
    return !this.#ended && !this.#closed && this.#buffered === 0;
  }

  /** The next bytes, or undefined at the end. @throws when the connection broke. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#buffered -= chunk.length;
        if (this.#paused && this.#buffered < HIGH_WATER / 2) {
          this.#paused = false;
          this.#socket?.resume();
        }
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  /** Puts bytes back, to be read first. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.unshift(bytes);
    this.#buffered += bytes.length;
  }

  /** Resolves when all bytes were handed to the kernel. @throws when the connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#closed || this.#socket === undefined) throw this.#failure ?? new Error("connection closed");
      const taken = this.#socket.write(rest);
      if (taken < 0) throw this.#failure ?? new Error("connection closed");
      rest = rest.subarray(taken);
      if (rest.length > 0) await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    }
  }

  /** For much that is to be written. */
  async widen(): Promise<void> {
    await this.#socket?.widen?.();
  }

  /** Half-close. */
  end(): void {
    if (!this.#closed) this.#socket?.end();
  }

  destroy(error?: Error): void {
    this.#failure ??= error;
    this.#ended = true;
    if (!this.#closed) this.#socket?.destroy();
    this.#closed = true;
    this.#wake();
  }

  #receive(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    if (this.#buffered > HIGH_WATER && !this.#paused) {
      this.#paused = true;
      this.#socket?.pause();
    }
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
    const writers = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of writers) wake();
  }
}
