import type { ByteStream } from "./byte-stream.ts";
import { ClientError } from "./errors.ts";

/** Where a container's output goes. */
export interface OutputWriters {
  stdout(bytes: Uint8Array): Promise<void>;
  stderr(bytes: Uint8Array): Promise<void>;
  /** Takes what a session's records consist of; without it there are none. */
  record?(bytes: Uint8Array): void;
}

const HEADER = 8;
const RECORD = 4;

/**
 * Takes a multiplexed stream apart (8-byte header: stream, three zeros, length big-endian). What follows one another on the
 * same stream is written at once.
 * @throws ClientError when the engine reports an error in the stream, or the stream is none.
 */
export async function demultiplex(chunks: AsyncIterable<Uint8Array>, writers: OutputWriters): Promise<void> {
  let rest: Uint8Array = new Uint8Array(0);
  let stream = 0;
  let left = 0;
  let report = "";
  const write = async (bytes: Uint8Array) => {
    if (bytes.length === 0) return;
    if (stream === 2) await writers.stderr(bytes);
    else if (stream === RECORD) writers.record?.(bytes);
    else if (stream === 3) report += new TextDecoder().decode(bytes);
    else await writers.stdout(bytes);
  };
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const run = new Run(bytes);
    let at = 0;
    while (at < bytes.length) {
      if (left > 0) {
        const end = Math.min(bytes.length, at + left);
        run.add(at, end);
        left -= end - at;
        at = end;
        continue;
      }
      if (bytes.length - at < HEADER) break;
      const next = bytes[at] ?? 0;
      if (next > (writers.record === undefined ? 3 : RECORD))
        throw new ClientError(`Unrecognized input header: ${next}`);
      left = lengthAt(bytes, at + 4);
      at += HEADER;
      if (next === stream) continue;
      await write(run.take());
      stream = next;
    }
    await write(run.take());
    rest = bytes.subarray(at);
  }
  if (report !== "") throw new ClientError(`error from daemon in stream: ${report}`, { detail: report });
}

/** Reads the one frame that a stream begins with. @throws Error when the stream ends before. */
export async function firstFrame(stream: ByteStream): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (;;) {
    const end = bytes.length < HEADER ? HEADER : HEADER + lengthAt(bytes, 4);
    if (end > HEADER && bytes.length >= end) {
      stream.unread(bytes.subarray(end));
      return bytes.subarray(HEADER, end);
    }
    const chunk = await stream.read();
    if (chunk === undefined) throw new Error("unexpected EOF");
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  return high * 256 + (bytes[at + 3] ?? 0);
}

/** Longer texts are copied faster by a call than by hand. */
const SHORT = 64;

/** Pieces of one stream, pushed together; they only move towards the beginning, over headers that were read. */
class Run {
  readonly #bytes: Uint8Array;
  #start = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  add(from: number, to: number): void {
    if (this.#end === this.#start) {
      this.#start = this.#end = from;
    }
    if (this.#end === from) {
      this.#end = to;
      return;
    }
    const bytes = this.#bytes;
    if (to - from >= SHORT) bytes.copyWithin(this.#end, from, to);
    else for (let at = from; at < to; at++) bytes[this.#end + at - from] = bytes[at] ?? 0;
    this.#end += to - from;
  }

  take(): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }
}

/** A hijacked stream as chunks. */
export async function* chunksOf(stream: ByteStream): AsyncIterable<Uint8Array> {
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) yield chunk;
}

/** JSON objects, one a line; their type is the engine's promise (the API document). @throws ClientError for a line that is none. */
export async function* jsonLines<T>(body: AsyncIterable<Uint8Array>): AsyncIterable<T> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    let newline: number;
    while ((newline = text.indexOf("\n")) !== -1) {
      const line = text.slice(0, newline).trim();
      text = text.slice(newline + 1);
      if (line !== "") yield parseLine(line) as T;
    }
  }
  if (text.trim() !== "") yield parseLine(text) as T;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ClientError(`invalid JSON from the daemon: ${line.slice(0, 80)}`, { cause });
  }
}

/** A record of pull, push, load, import. */
export interface ProgressRecord {
  id?: string;
  status?: string;
  stream?: string;
  error?: string;
  errorDetail?: { code?: number; message?: string };
  progressDetail?: { current?: number; total?: number; units?: string };
  aux?: unknown;
}

/** Progress records; a reported error ends them. @throws ClientError with the engine's text. */
export async function* progress(body: AsyncIterable<Uint8Array>): AsyncIterable<ProgressRecord> {
  for await (const record of jsonLines<ProgressRecord>(body)) {
    const failure = record.errorDetail?.message ?? record.error;
    if (failure !== undefined)
      throw new ClientError(failure, { detail: failure, status: record.errorDetail?.code ?? 500 });
    yield record;
  }
}
