import type { ByteStream } from "./byte-stream.ts";
import { ClientError } from "./errors.ts";

/** Where a container's output goes. */
export interface OutputWriters {
  stdout(bytes: Uint8Array): Promise<void>;
  stderr(bytes: Uint8Array): Promise<void>;
}

const HEADER = 8;

/**
 * Takes a multiplexed stream apart (8-byte header: stream, three zeros, length big-endian).
 * @throws ClientError when the engine reports an error in the stream, or the stream is none.
 */
export async function demultiplex(chunks: AsyncIterable<Uint8Array>, writers: OutputWriters): Promise<void> {
  let rest: Uint8Array = new Uint8Array(0);
  let stream = 0;
  let left = 0;
  let report = "";
  for await (const chunk of chunks) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (left === 0) {
        if (bytes.length < HEADER) break;
        stream = bytes[0] ?? 0;
        left = new DataView(bytes.buffer, bytes.byteOffset, HEADER).getUint32(4);
        if (stream > 3) throw new ClientError(`Unrecognized input header: ${stream}`);
        bytes = bytes.subarray(HEADER);
        continue;
      }
      if (bytes.length === 0) break;
      const part = bytes.subarray(0, left);
      bytes = bytes.subarray(part.length);
      left -= part.length;
      if (stream === 2) await writers.stderr(part);
      else if (stream === 3) report += new TextDecoder().decode(part);
      else await writers.stdout(part);
    }
    rest = bytes;
  }
  if (report !== "") throw new ClientError(`error from daemon in stream: ${report}`, { detail: report });
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
