import type { OutputChunk, StdioStream } from "../../api/index.ts";

/** A process's stdio in a test's hands. */
export class FakeStdio implements StdioStream {
  readonly tty: boolean;
  readonly #typed: Buffer[] = [];
  inputBytes = 0;
  inputClosed = false;
  disposed = 0;
  /** How many pieces of output were asked for. */
  pulled = 0;
  /** While set, the process takes no input. */
  stuck: Promise<void> | undefined;
  readonly #queue: OutputChunk[] = [];
  #failure: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(tty = false) {
    this.tty = tty;
  }

  /** What the client typed. */
  get input(): string {
    return Buffer.concat(this.#typed).toString();
  }

  say(data: string | Uint8Array, stream: "stdout" | "stderr" = "stdout"): void {
    this.#queue.push({ stream, data: Buffer.from(data) });
    this.#wake?.();
  }

  finish(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake?.();
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#iterate();
  }

  async write(data: Uint8Array): Promise<void> {
    await this.stuck;
    this.#typed.push(Buffer.from(data));
    this.inputBytes += data.length;
  }

  async closeInput(): Promise<void> {
    this.inputClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed += 1;
    this.finish();
  }

  async *#iterate(): AsyncGenerator<OutputChunk, void> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.pulled += 1;
        yield chunk;
      } else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
