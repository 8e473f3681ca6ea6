import { eventually } from "./wait.ts";

export interface Screen {
  columns: number;
  rows: number;
}

/** A program on a terminal of its own. Disposing it ends the program. */
export class TerminalSession implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #parts: Uint8Array[] = [];
  /** Settles when everything that was written has come. */
  readonly #drained = Promise.withResolvers<void>();

  private constructor(command: string[], env: Record<string, string>, screen: Screen) {
    this.#child = Bun.spawn(command, {
      env: { ...process.env, ...env },
      terminal: {
        cols: screen.columns,
        rows: screen.rows,
        data: (_terminal, data) => void this.#parts.push(data),
        exit: () => this.#drained.resolve(),
      },
    });
  }

  static start(
    command: readonly string[],
    env: Record<string, string>,
    screen: Screen = { columns: 132, rows: 40 },
  ): TerminalSession {
    return new TerminalSession([...command], env, screen);
  }

  /** Everything that came to the terminal so far, with its carriage returns and escape sequences. */
  get text(): string {
    return Buffer.concat(this.#parts).toString();
  }

  type(text: string): void {
    this.#child.terminal?.write(text);
  }

  resize({ columns, rows }: Screen): void {
    this.#child.terminal?.resize(columns, rows);
  }

  async shows(part: string): Promise<void> {
    await eventually(`${JSON.stringify(part)} on the terminal, which shows ${this.text}`, () =>
      this.text.includes(part),
    );
  }

  /** Waits for the program's end and the last of its output; gives its code. */
  async ended(): Promise<number> {
    await this.#drained.promise;
    return await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#child.terminal?.close();
  }
}
