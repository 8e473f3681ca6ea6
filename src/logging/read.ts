import type { LogStream } from "../api/index.ts";
import { MAX_DELAY } from "../base/index.ts";
import { FrameWriter } from "./frame-writer.ts";
import { lineBlocks } from "./line-blocks.ts";
import { onceSettled } from "./settled.ts";
import type { LogRead } from "./types.ts";

/** Reads a log over its rotated files; a follower goes on until the container's log is whole. */
export function readLog(request: LogRead): LogStream {
  const cut = new AbortController();
  const signal = AbortSignal.any([request.signal, cut.signal]);
  return {
    tty: request.tty,
    output: frames({ ...request, signal }),
    [Symbol.asyncDispose]: async () => cut.abort(),
  };
}

async function* frames({ path, maxFiles, tty, query, details, ended, signal }: LogRead): AsyncGenerator<Uint8Array> {
  if (!query.stdout && !query.stderr) return;
  const writer = new FrameWriter(query, tty, details);
  using until = query.until === undefined ? undefined : new Deadline(query.until, ended);
  const follow = until === undefined ? ended : until.reached;
  const blocks = lineBlocks({ path, maxFiles, tail: query.tail, follow: query.follow ? follow : undefined, signal });
  for await (const { lines } of blocks) {
    const block = writer.frames(lines);
    if (block.length > 0) yield block;
    if (writer.done) return;
  }
}

/** Settles at an instant, or when the log has ended before: who follows until then gets what was written by then. */
class Deadline implements Disposable {
  readonly reached: Promise<void>;
  readonly #ended: Disposable;
  #timer: NodeJS.Timeout | undefined;

  constructor(at: bigint, ended: Promise<void>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.reached = promise;
    this.#ended = onceSettled(ended, resolve);
    this.#wait(at, resolve);
  }

  #wait(at: bigint, resolve: () => void): void {
    const left = Number((at - BigInt(Date.now()) * 1_000_000n) / 1_000_000n) + 1;
    if (left <= 0) return resolve();
    this.#timer = setTimeout(() => this.#wait(at, resolve), Math.min(left, MAX_DELAY));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#ended[Symbol.dispose]();
  }
}
