import { setTimeout as sleep } from "node:timers/promises";
import { sha256, unavailable, type Digest } from "../base/index.ts";
import type { ResumableWriter } from "../content/index.ts";
import { isTransient, type RepositoryClient } from "../registry/index.ts";
import { shortBlob, wrongConfig } from "./errors.ts";
import type { Report } from "./progress.ts";

export type RetryDelay = (attempt: number) => number;
/** Docker's: five seconds longer each time. */
export const dockerDelay: RetryDelay = (attempt) => attempt * 5000;

export interface Download {
  repository: RepositoryClient;
  digest: Digest;
  size: number;
  writer: ResumableWriter;
  /** Line of the progress display. */
  label: string;
  report: Report;
  count: (current: number) => void;
  delay: RetryDelay;
  /** So often at most. */
  tries: number;
  signal: AbortSignal;
}

/**
 * A blob's bytes as they arrive, each written to the store before it is given on. Goes on from what an earlier try left,
 * and after a drop from where that came to.
 */
export async function* download(request: Download): AsyncGenerator<Uint8Array> {
  const { writer, size, signal } = request;
  yield* writer.written();
  for (let attempt = 1; writer.offset < size; attempt++) {
    try {
      yield* fetchFrom(request);
      if (writer.offset < size) throw unavailable(`unexpected EOF: got ${writer.offset} of ${size} bytes`);
    } catch (error) {
      signal.throwIfAborted();
      if (!isTransient(error) || attempt >= request.tries) throw error;
      await countDown(request, request.delay(attempt));
    }
  }
}

async function* fetchFrom({ repository, digest, size, writer, count, signal }: Download): AsyncGenerator<Uint8Array> {
  const answer = await repository.blob(digest, writer.offset, signal);
  // A registry without ranges starts anew: what is here already is skipped.
  let skip = writer.offset - answer.offset;
  if (skip < 0) throw unavailable("the registry left out a part of the blob");
  for await (const chunk of answer.body) {
    const data = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - data.length;
    if (data.length === 0) continue;
    await writer.write(data);
    count(writer.offset);
    yield data;
  }
  // Nothing was lost on the way: the registry has no more, and will not have it in some seconds either
  if (answer.isWhole && writer.offset < size) throw shortBlob(size, writer.offset);
}

async function countDown({ label, report, signal }: Download, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    const seconds = Math.ceil(left / 1000);
    report({ status: `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`, progressDetail: {}, id: label });
    await sleep(Math.min(left, 1000), undefined, { signal });
  }
}

/** A small blob (a config), whole and verified. */
export async function fetchDocument(
  repository: RepositoryClient,
  expected: { digest: Digest; size: number },
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { body } = await repository.blob(expected.digest, 0, signal);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > Math.min(limit, expected.size)) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (size > expected.size || sha256(bytes) !== expected.digest) throw wrongConfig(expected.digest);
  return bytes;
}
