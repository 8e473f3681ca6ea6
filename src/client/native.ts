/**
 * The one place outside tests that uses `Bun.*`.
 *
 * A command must be done in a few milliseconds, and `node:net`, `process.stdin` and `process.stdout` each cost more than
 * that to load; Bun's own sockets and files cost nothing. What is here has no policy.
 */

import { exitOnSignals } from "./deadly-signals.ts";

export type DialTarget =
  | SocketTarget
  /** Through the program `ssh`; empty texts are left to it. The path is that of the engine's socket there. */
  | { kind: "ssh"; user: string; hostname: string; port: string; path: string };

export type SocketTarget =
  { kind: "unix"; path: string } | { kind: "tcp"; hostname: string; port: number; tls?: TlsOptions | undefined };

export interface TlsOptions {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  /** False: any certificate is taken. */
  verify: boolean;
  serverName: string;
}

export interface SocketHandlers {
  data(bytes: Uint8Array): void;
  /** The other side will send nothing more. */
  end(): void;
  /** More can be written. */
  drain(): void;
  /** Gone; with the error when there was one. */
  close(error: Error | undefined): void;
}

export interface NativeSocket {
  /** Gives how many bytes were taken; fewer than all means: wait for `drain`. */
  write(bytes: Uint8Array): number;
  /** Half-close: sends the end, goes on reading. */
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
  /** Gives what is written more room on its way, where the system lets it: see `SEND_ROOM`. */
  widen?(): Promise<void>;
}

/**
 * Bytes on their way at most. By default a unix socket holds 208 KiB, and who writes is woken when three quarters of that
 * are read: two programs then wait for each other by turns.
 */
const SEND_ROOM = 4 << 20;
/** `asm-generic/socket.h`, which x86-64 and arm64 use. The second one is not bound by net.core.wmem_max, and for root. */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;

/** Connects. @throws the system's error with its `code` (ENOENT, ECONNREFUSED, EACCES, …). */
export async function dialNative(target: SocketTarget, handlers: SocketHandlers): Promise<NativeSocket> {
  let failure: Error | undefined;
  const opened = Promise.withResolvers<void>();
  const secure = target.kind === "tcp" && target.tls !== undefined;
  const events: Bun.SocketHandler = {
    open: () => {
      if (!secure) opened.resolve();
    },
    handshake: (_socket, success, error) => {
      if (success && (error === null || error === undefined || (secure && target.tls?.verify === false)))
        opened.resolve();
      else opened.reject(error ?? new Error("TLS handshake failed"));
    },
    data: (_socket, bytes) => handlers.data(bytes),
    end: () => handlers.end(),
    drain: () => handlers.drain(),
    error: (_socket, error) => {
      failure = error;
      opened.reject(error);
    },
    close: () => {
      opened.reject(failure ?? new Error("connection closed"));
      handlers.close(failure);
    },
  };
  const socket =
    target.kind === "unix"
      ? await Bun.connect({ unix: target.path, allowHalfOpen: true, socket: events })
      : await Bun.connect({
          hostname: target.hostname,
          port: target.port,
          allowHalfOpen: true,
          ...(target.tls === undefined ? {} : { tls: tlsOf(target.tls) }),
          socket: events,
        });
  await opened.promise;
  return {
    write: (bytes) => socket.write(bytes),
    end: () => {
      socket.flush();
      socket.shutdown();
    },
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    ...(target.kind === "unix" && { widen: () => widen(socket) }),
  };
}

async function widen(socket: object): Promise<void> {
  // Bun's sockets have this number, its type definitions do not.
  const { fd } = socket as { fd?: unknown };
  if (typeof fd !== "number" || fd < 0) return;
  const { dlopen } = await import("bun:ffi");
  const types = { args: ["int", "int", "int", "ptr", "u32"], returns: "int" } as const;
  try {
    const { setsockopt } = dlopen("libc.so.6", { setsockopt: types }).symbols;
    const room = Int32Array.of(SEND_ROOM);
    for (const option of [SO_SNDBUFFORCE, SO_SNDBUF])
      if (setsockopt(fd, SOL_SOCKET, option, room, room.byteLength) === 0) return;
  } catch {
    // Another libc: it goes as it did.
  }
}

function tlsOf(options: TlsOptions): Bun.TLSOptions {
  return {
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    rejectUnauthorized: options.verify,
    serverName: options.serverName,
  };
}

/** What a file holds; undefined when there is none. */
export async function readFileBytes(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Bun.file(path).bytes();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The text of a file; undefined when there is none. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await Bun.file(path).text();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * The text of a file of the configuration; undefined when there is none. A mapped file is read without a pool of threads
 * being started for it, which would take a fifth of a short command's time. Not for what may be a pipe: the file is opened
 * for writing too, and what cannot be mapped is opened once more.
 */
export async function readStoredFile(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Bun.mmap(path, { shared: false }));
  } catch (error) {
    return isMissing(error) ? undefined : await readTextFile(path);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** What the terminal's own binding takes; its modes are libuv's. */
interface TerminalModes {
  setRawMode(mode: number): number;
}

const MODE_NORMAL = 0;
/** As cfmakeraw(3) does: unlike `process.stdin.setRawMode`, it leaves output alone too (no CR before a container's NL). */
const MODE_RAW_BOTH_WAYS = 2;

/** Passes bytes of the terminal on standard input both ways as they are; gives the way back. */
export function rawTerminal(): () => void {
  // The binding is not in the type definitions; the tests of a terminal would notice if it changed
  const internals = process as unknown as {
    binding(name: "tty_wrap"): { TTY: new (fd: number) => TerminalModes };
  };
  const terminal = new (internals.binding("tty_wrap").TTY)(0);
  exitOnSignals();
  terminal.setRawMode(MODE_RAW_BOTH_WAYS);
  return () => void terminal.setRawMode(MODE_NORMAL);
}

/** Standard input, piece by piece, until its end. */
export async function* stdinChunks(): AsyncIterable<Uint8Array> {
  for await (const chunk of Bun.stdin.stream()) yield chunk;
}

/** Writes to standard output (1) or error (2), waiting until the reader has taken it. */
export function outputSink(fd: 1 | 2): { write(bytes: Uint8Array): Promise<void> } {
  const sink = (fd === 1 ? Bun.stdout : Bun.stderr).writer();
  return {
    write: async (bytes) => {
      await sink.write(bytes);
      await sink.flush();
    },
  };
}
