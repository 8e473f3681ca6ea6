import type { Io } from "../io.ts";

/** An Io that keeps what is written and gives what it was given; no terminal anywhere. */
export class ScriptedIo implements Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  stdout = "";
  stderr = "";
  readonly #input: string;
  readonly #handlers = new Set<(signal: string) => void>();

  constructor(env: Readonly<Record<string, string | undefined>>, input = "") {
    this.env = env;
    this.#input = input;
  }

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  async writeOut(bytes: Uint8Array): Promise<void> {
    this.stdout += Buffer.from(bytes).toString();
  }

  async writeErr(bytes: Uint8Array): Promise<void> {
    this.stderr += Buffer.from(bytes).toString();
  }

  async *stdin(): AsyncIterable<Uint8Array> {
    if (this.#input !== "") yield new TextEncoder().encode(this.#input);
  }

  async isTerminal(): Promise<boolean> {
    return false;
  }

  async terminalSize(): Promise<undefined> {
    return undefined;
  }

  async rawMode(): Promise<() => void> {
    return () => undefined;
  }

  onSignal(_signals: readonly string[], handler: (signal: string) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Delivers a signal to whoever listens. */
  signal(name: string): void {
    for (const handler of this.#handlers) handler(name);
  }

  async flush(): Promise<void> {}
}
