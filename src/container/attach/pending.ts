import type { OutputChunk, StdioStream } from "../../api/index.ts";
import type { Task } from "../../runtime/index.ts";

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: Uint8Array;
}

/**
 * Clients that attached to a container before it was started. They are joined to the task after it was made and before
 * its program runs, so that none misses a byte.
 */
export class PendingAttachments {
  readonly #waiting = new Set<PendingStdio>();

  add(tty: boolean, options: AttachOptions): StdioStream {
    const stream = new PendingStdio(tty, options, () => this.#waiting.delete(stream));
    this.#waiting.add(stream);
    return stream;
  }

  /** Joins everyone to the task. A client that cannot be joined gets its error; the start goes on. */
  async bind(task: Task): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all(waiting.map((stream) => stream.bind(task)));
  }

  /** The container was removed, or its start failed: the streams end without output. */
  end(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const stream of waiting) stream.end();
  }
}

class PendingStdio implements StdioStream {
  readonly tty: boolean;
  readonly output: AsyncIterable<OutputChunk>;
  readonly #options: AttachOptions;
  readonly #left: () => void;
  readonly #bound = Promise.withResolvers<StdioStream | undefined>();
  #disposed = false;

  constructor(tty: boolean, options: AttachOptions, left: () => void) {
    this.tty = tty;
    this.#options = options;
    this.#left = left;
    this.output = this.#read();
    // Whoever uses the stream sees the rejection; a client that only waits must not bring the daemon down.
    this.#bound.promise.catch(() => undefined);
  }

  async bind(task: Task): Promise<void> {
    try {
      const stream = await task.attach(this.#options);
      if (this.#disposed) await stream[Symbol.asyncDispose]();
      else this.#bound.resolve(stream);
    } catch (error) {
      this.#bound.reject(error);
    }
  }

  end(): void {
    this.#bound.resolve(undefined);
  }

  async write(data: Uint8Array): Promise<void> {
    await (await this.#bound.promise)?.write(data);
  }

  async closeInput(): Promise<void> {
    await (await this.#bound.promise)?.closeInput();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#left();
    this.#bound.resolve(undefined);
    const stream = await this.#bound.promise.catch(() => undefined);
    await stream?.[Symbol.asyncDispose]();
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    const stream = await this.#bound.promise;
    if (stream !== undefined) yield* stream.output;
  }
}
