import { outputSink, rawTerminal, stdinChunks } from "../client/index.ts";

/** What a command may touch of its process; tests hand in their own. */
export interface Io {
  env: Readonly<Record<string, string | undefined>>;
  /** Text to standard output. */
  out(text: string): void;
  /** Text to standard error. */
  err(text: string): void;
  writeOut(bytes: Uint8Array): Promise<void>;
  writeErr(bytes: Uint8Array): Promise<void>;
  stdin(): AsyncIterable<Uint8Array>;
  isTerminal(fd: 0 | 1 | 2): Promise<boolean>;
  /** Columns and rows of the terminal on standard output; undefined when there is none. */
  terminalSize(): Promise<{ columns: number; rows: number } | undefined>;
  /** Puts the terminal into raw mode; gives the way back. */
  rawMode(): Promise<() => void>;
  /** Calls `handler` for each signal; gives the way back. */
  onSignal(signals: readonly string[], handler: (signal: string) => void): () => void;
  /** Hands over what `out` still holds. */
  flush(): Promise<void>;
}

/**
 * The real process. Whole lines go through `console`, which writes at once and costs nothing to load; the streams of
 * `process` take longer than a whole command may.
 */
export function processIo(): Io {
  const sinks = new Map<1 | 2, ReturnType<typeof outputSink>>();
  const sink = (fd: 1 | 2) => {
    const known = sinks.get(fd) ?? outputSink(fd);
    sinks.set(fd, known);
    return known;
  };
  const pending = { 1: "", 2: "" };
  const text = (fd: 1 | 2, more: string) => {
    const all = pending[fd] + more;
    const end = all.lastIndexOf("\n");
    pending[fd] = all.slice(end + 1);
    if (end === -1) return;
    if (fd === 1) console.log(all.slice(0, end));
    else console.warn(all.slice(0, end)); // `error` would make it red on a terminal
  };
  const bytes = async (fd: 1 | 2, data: Uint8Array) => {
    const before = pending[fd];
    pending[fd] = "";
    try {
      if (before !== "") await sink(fd).write(new TextEncoder().encode(before));
      await sink(fd).write(data);
    } catch (error) {
      // The reader went away (`berth logs x | head`): end as SIGPIPE would end a program that does not ignore it
      if (error instanceof Error && "code" in error && error.code === "EPIPE") process.exit(128 + 13);
      throw error;
    }
  };
  return {
    env: process.env,
    out: (more) => text(1, more),
    err: (more) => text(2, more),
    writeOut: (data) => bytes(1, data),
    writeErr: (data) => bytes(2, data),
    stdin: stdinChunks,
    isTerminal: async (fd) => (await import("node:tty")).isatty(fd),
    terminalSize: async () => {
      const { WriteStream, isatty } = await import("node:tty");
      if (!isatty(1)) return undefined;
      const [columns, rows] = new WriteStream(1).getWindowSize();
      return { columns, rows };
    },
    rawMode: async () => rawTerminal(),
    onSignal: (signals, handler) => {
      const listeners = signals.map((signal) => {
        const listener = () => handler(signal);
        process.on(signal, listener);
        return { signal, listener };
      });
      return () => {
        for (const { signal, listener } of listeners) process.off(signal, listener);
      };
    },
    flush: async () => {
      for (const fd of [1, 2] as const) if (pending[fd] !== "") await bytes(fd, new Uint8Array(0));
    },
  };
}
