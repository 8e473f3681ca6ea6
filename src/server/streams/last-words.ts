import type { OutputChunk, StdioStream } from "../../api/index.ts";

/** The stdio of a process that never ran: why, and nothing else. */
export class LastWords implements StdioStream {
  readonly tty: boolean;
  readonly #text: string;

  constructor(text: string, tty: boolean) {
    this.#text = text;
    this.tty = tty;
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#say();
  }

  async write(): Promise<void> {}
  async closeInput(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async *#say(): AsyncGenerator<OutputChunk, void> {
    yield { stream: "stdout", data: Buffer.from(this.#text) };
  }
}
