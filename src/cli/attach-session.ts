import { type ByteStream, chunksOf, type Client, demultiplex } from "../client/index.ts";
import type { Context } from "./command.ts";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";
import type { SessionRecords } from "./session-records.ts";

export interface SessionOptions {
  stdin: boolean;
  tty: boolean;
  detachKeys: string;
  /** Takes the records of what is a session and no raw stream. */
  records?: SessionRecords | undefined;
}

/** How a session ended. */
export type SessionEnd = "output-ended" | "detached";

/** @throws CliError when a terminal is asked for and standard input is none. */
export async function requireTerminal(io: Io, stdin: boolean, tty: boolean): Promise<void> {
  if (stdin && tty && !(await io.isTerminal(0))) throw new CliError("the input device is not a TTY");
}

/** The keys that detach: the flag's, else the config file's, else the default. */
export async function detachKeysOf(context: Context, flag: string): Promise<string> {
  return flag || ((await context.config()).detachKeys ?? "");
}

/**
 * Joins a raw stream to this process: its output to standard output and error, standard input to it, until the output ends
 * or the detach keys come. With a terminal, input is raw meanwhile.
 */
export async function runSession(io: Io, stream: ByteStream, options: SessionOptions): Promise<SessionEnd> {
  const restore = options.stdin && options.tty ? await io.rawMode() : undefined;
  try {
    const output = copyOutput(io, stream, options);
    if (!options.stdin) {
      await output;
      return "output-ended";
    }
    const detached = copyInput(io, stream, options);
    const first = await Promise.race([output.then(() => "output-ended" as const), detached]);
    if (first === "detached") {
      output.catch(() => undefined); // the stream is cut on purpose
      stream.destroy();
      return first;
    }
    await output;
    return "output-ended";
  } finally {
    restore?.();
  }
}

async function copyOutput(io: Io, stream: ByteStream, { tty, records }: SessionOptions): Promise<void> {
  if (tty && records === undefined) {
    for await (const chunk of chunksOf(stream)) await io.writeOut(chunk);
    return;
  }
  const writers = {
    stdout: (bytes: Uint8Array) => io.writeOut(bytes),
    stderr: (bytes: Uint8Array) => io.writeErr(bytes),
  };
  try {
    await demultiplex(
      chunksOf(stream),
      records === undefined ? writers : { ...writers, record: (bytes) => records.take(bytes) },
    );
  } finally {
    records?.end();
  }
}

/** Ends with "detached" when the keys came; otherwise with the end of input, as "output-ended". */
async function copyInput(io: Io, stream: ByteStream, options: SessionOptions): Promise<SessionEnd> {
  const filter = options.tty ? new DetachFilter(parseDetachKeys(options.detachKeys)) : undefined;
  try {
    for await (const chunk of io.stdin()) {
      const { pass, detached } = filter?.feed(chunk) ?? { pass: chunk, detached: false };
      if (pass.length > 0) await stream.write(pass);
      if (detached) return "detached";
    }
    stream.end();
  } catch {
    // The container went away while it was written to; its output tells the rest
  }
  return "output-ended";
}

/**
 * Tells the engine the terminal's size now and whenever it changes; gives the way to stop. With `redraw` another size goes
 * first: a program whose terminal is as large as before would not be told, and its prompt not be seen.
 */
export async function followResize(io: Io, client: Client, path: string, { redraw = false } = {}): Promise<() => void> {
  const send = async (more = 0) => {
    const size = await io.terminalSize();
    // Some terminals do not know their size
    if (size === undefined || (size.rows === 0 && size.columns === 0)) return;
    const query = { h: size.rows + more, w: size.columns + more };
    // A container that is just ending refuses; there is nothing to resize then
    await client.send("POST", path, { query }).catch(() => undefined);
  };
  if (redraw) await send(1);
  await send();
  return io.onSignal(["SIGWINCH"], () => void send());
}

const FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT"] as const;

/** Passes this process's signals on to a container; gives the way to stop. */
export function forwardSignals(io: Io, client: Client, id: string): () => void {
  return io.onSignal(FORWARDED, (signal) => {
    // The container may have ended; the signal is then of no use
    client
      .send("POST", `/containers/${id}/kill`, { query: { signal: signal.replace(/^SIG/, "") } })
      .catch(() => undefined);
  });
}
