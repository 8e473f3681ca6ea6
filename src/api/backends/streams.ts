import type { AuthConfig } from "../generated/types.ts";

/** What flows between the HTTP edge and the engine. The edge alone knows of frames, hijacking and headers. */

/** A piece of a container's output. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/**
 * One client's hold on a process's stdio. Iterating `output` ends when the process's output has drained, when the client
 * typed its detach keys, or on dispose. A slow reader slows only itself: what the bounded buffer cannot take cuts it off.
 */
export interface StdioStream extends AsyncDisposable {
  /** With a terminal there is one raw stream and no frames. */
  readonly tty: boolean;
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the bytes were taken (back-pressure). Detach keys are found here, and then end `output`. */
  write(data: Uint8Array): Promise<void>;
  /** The client's half-close: its stdin is at its end. */
  closeInput(): Promise<void>;
}

/** Credentials for a registry as clients send them (X-Registry-Auth): a name with its password, or one of the tokens. */
export type RegistryAuth = AuthConfig & { identitytoken?: string; registrytoken?: string };

/**
 * Lines of a log, prefixed with details and timestamps when those were asked for, many in a block. Each line has a frame
 * of its own, since clients take frames for lines; with a terminal there are none, as in `StdioStream`.
 */
export interface LogStream extends AsyncDisposable {
  readonly tty: boolean;
  /** Blocks of whole frames (`splitFrames`), or of text with a terminal. */
  readonly output: AsyncIterable<Uint8Array>;
}

/** One progress message of pull, load, import, build, push (wire.md §3). */
export interface ProgressMessage {
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number; units?: string; hidecounts?: boolean };
  progress?: string;
  errorDetail?: { code?: number; message: string };
  error?: string;
  aux?: unknown;
}

/** Filters as clients send them: `{"label":["a=b"]}`; the older map form is normalised by the edge. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** What the edge tells each call: when its client went away, and what it negotiated. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** Negotiated API version, such as 1.47, as [1, 47]. */
  readonly apiVersion: readonly [major: number, minor: number];
}
