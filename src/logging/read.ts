import type { LogStream, OutputChunk } from "../api/index.ts";
import { Changes } from "./changes.ts";
import { fullTime, nanosOf, parseEntries, type LogEntry } from "./entry.ts";
import { closeAll, openAll, openLog, openNext, type OpenLog } from "./log-files.ts";
import { seekTail } from "./tail.ts";
import type { LogRead } from "./types.ts";

const BLOCK = 128 * 1024;
/** Entries are at most 16 KiB of text, escaped six-fold at worst; a longer line is damage. */
const LONGEST_LINE = 1024 * 1024;

/** Reads a json-file log over its rotated files; a follower goes on until the container's log is whole. */
export function readJsonFile(request: LogRead): LogStream {
  const cut = new AbortController();
  const signal = AbortSignal.any([request.signal, cut.signal]);
  return {
    tty: request.tty,
    output: flatten(chunks({ ...request, signal })),
    [Symbol.asyncDispose]: async () => cut.abort(),
  };
}

/** Chunks by the block, so that a long log costs no promise of its own for each line. */
async function* chunks(request: LogRead): AsyncGenerator<OutputChunk[]> {
  const { since, until, stdout, stderr } = request.query;
  if (!stdout && !stderr) return;
  const timed = since !== undefined || until !== undefined;
  for await (const batch of entries(request)) {
    const chosen: OutputChunk[] = [];
    for (const entry of batch) {
      const at = timed ? nanosOf(entry.time) : 0n;
      if (until !== undefined && at > until) {
        yield chosen;
        return;
      }
      if (since !== undefined && at < since) continue;
      if (!request.query[entry.stream]) continue;
      chosen.push({ stream: entry.stream, data: render(entry, request) });
    }
    yield chosen;
  }
}

function render(entry: LogEntry, { query, details }: LogRead): Uint8Array {
  if (!query.details && !query.timestamps) return entry.text;
  const prefix = query.details ? `${details} ` : "";
  return Buffer.concat([Buffer.from(query.timestamps ? `${fullTime(entry.time)} ${prefix}` : prefix), entry.text]);
}

/** The items of the batches one by one; what is there already is given without a turn of the loop. */
function flatten<T>(batches: AsyncGenerator<T[]>): AsyncIterable<T> {
  let batch: T[] = [];
  let index = 0;
  const next = async (): Promise<IteratorResult<T>> => {
    while (index >= batch.length) {
      const result = await batches.next();
      if (result.done === true) return { done: true, value: undefined };
      batch = result.value;
      index = 0;
    }
    return take();
  };
  const take = (): IteratorResult<T> => {
    const value = batch[index++];
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => (index < batch.length ? Promise.resolve(take()) : next()),
      return: async () => {
        await batches.return(undefined);
        return { done: true, value: undefined };
      },
    }),
  };
}

async function* entries(request: LogRead): AsyncGenerator<LogEntry[]> {
  const { path, maxFiles, query, signal } = request;
  // Watching begins before reading: what is written in between is not missed.
  using changes = query.follow ? new Changes(path, request.ended, signal) : undefined;
  let files = await openAll(path, maxFiles);
  try {
    if (query.tail !== "all") files = await keep(files, await seekTail(files, query.tail));
    while (files.length > 1) {
      const [file, ...rest] = files;
      if (file !== undefined) yield* drain(file, signal);
      files = rest;
      await file?.[Symbol.asyncDispose]();
    }
    const [newest] = files;
    if (changes === undefined) {
      if (newest !== undefined) yield* drain(newest, signal);
    } else {
      files = [];
      yield* follow(newest, changes, request);
    }
  } finally {
    await closeAll(files);
  }
}

async function keep(all: OpenLog[], kept: OpenLog[]): Promise<OpenLog[]> {
  await closeAll(all.filter((file) => !kept.includes(file)));
  return kept;
}

/** Reads on as the file grows and is rotated; ends when the log is whole and read to its end. */
async function* follow(first: OpenLog | undefined, changes: Changes, request: LogRead): AsyncGenerator<LogEntry[]> {
  const { path, maxFiles, signal } = request;
  let whole = false;
  request.ended.then(
    () => (whole = true),
    () => (whole = true),
  );
  let file = first;
  try {
    for (;;) {
      if (signal.aborted) return;
      const last = whole;
      file ??= await openLog(path);
      if (file !== undefined) {
        yield* drain(file, signal);
        const next = await openNext(path, maxFiles, file);
        if (next !== undefined) {
          // Nothing is written to a file after its renaming, but something may have been between the two looks.
          yield* drain(file, signal);
          await file[Symbol.asyncDispose]();
          file = next;
          continue;
        }
      }
      if (last) return;
      await changes.next();
    }
  } finally {
    await file?.[Symbol.asyncDispose]();
  }
}

/** Every whole line from the file's offset to its end now. */
async function* drain(file: OpenLog, signal: AbortSignal): AsyncGenerator<LogEntry[]> {
  let rest: Buffer = Buffer.alloc(0);
  while (!signal.aborted) {
    // A block of its own each time: the entries are views of it.
    const block = Buffer.allocUnsafe(rest.length + BLOCK);
    rest.copy(block);
    const { bytesRead } = await file.file.read(block, rest.length, BLOCK, file.offset + rest.length);
    if (bytesRead === 0) return;
    const data = block.subarray(0, rest.length + bytesRead);
    const end = data.lastIndexOf(10) + 1;
    if (end === 0 && data.length < LONGEST_LINE) {
      rest = data;
      continue;
    }
    const whole = end === 0 ? data.length : end;
    file.offset += whole;
    rest = data.subarray(whole);
    yield parseEntries(data.subarray(0, whole));
  }
}
