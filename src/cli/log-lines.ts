import type { OutputWriters } from "../client/index.ts";

/** A line that never ends is shown in pieces of this size. */
const LONGEST = 1 << 20;
const NEWLINE = 10;
const RETURN = 13;

/** Foregrounds that can be read on light and dark: cyan, yellow, green, magenta, blue, and their bright forms. */
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** `name  | ` for each name, as wide as the widest, each in a colour of its own if wanted. */
export function linePrefixes(names: readonly string[], colored: boolean): string[] {
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name, index) => {
    const text = `${name.padEnd(width)} | `;
    return colored ? `\u001b[${COLORS[index % COLORS.length] ?? 0}m${text}\u001b[0m` : text;
  });
}

/**
 * Passes whole lines on: those that match, each behind a prefix. Lines of different logs do not mix.
 * @param accepts the text of a line, without its end.
 */
export class LineWriter implements OutputWriters {
  readonly #out: OutputWriters;
  readonly #prefix: Uint8Array;
  readonly #accepts: ((line: string) => boolean) | undefined;
  readonly #rest = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) };

  constructor(out: OutputWriters, prefix: string, accepts: ((line: string) => boolean) | undefined) {
    this.#out = out;
    this.#prefix = new TextEncoder().encode(prefix);
    this.#accepts = accepts;
  }

  stdout(bytes: Uint8Array): Promise<void> {
    return this.#write("stdout", bytes);
  }

  stderr(bytes: Uint8Array): Promise<void> {
    return this.#write("stderr", bytes);
  }

  /** Writes what came after the last newline, as lines. */
  async end(): Promise<void> {
    for (const stream of ["stdout", "stderr"] as const)
      if (this.#rest[stream].length > 0) await this.#write(stream, Uint8Array.of(NEWLINE));
  }

  async #write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    const rest = this.#rest[stream];
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const shown: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const newline = all.indexOf(NEWLINE, at);
      const end = newline !== -1 ? newline : all.length - at > LONGEST ? at + LONGEST : -1;
      if (end === -1) break;
      this.#take(all.subarray(at, end), shown);
      at = newline === -1 ? end : end + 1;
    }
    this.#rest[stream] = new Uint8Array(all.subarray(at)); // copied: the bytes are the caller's
    if (shown.length > 0) await this.#out[stream](Buffer.concat(shown));
  }

  #take(line: Uint8Array, shown: Uint8Array[]): void {
    // A terminal ends its lines with both
    const bare = line.at(-1) === RETURN ? line.subarray(0, -1) : line;
    if (this.#accepts?.(new TextDecoder().decode(bare)) === false) return;
    shown.push(this.#prefix, line, Uint8Array.of(NEWLINE));
  }
}
