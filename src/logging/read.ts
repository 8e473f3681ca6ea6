import type { LogStream, OutputChunk } from "../api/index.ts";
import { Changes } from "./changes.ts";
import { fullTime, nanosOf, parseEntry, type LogEntry } from "./entry.ts";
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
    output: lines({ ...request, signal }),
    [Symbol.asyncDispose]: async () => cut.abort(),
  };
}

async function* lines(request: LogRead): AsyncGenerator<OutputChunk> {
  const { query } = request;
  if (!query.stdout && !query.stderr) return;
  const until = query.until;
  for await (const entry of entries(request)) {
    const at = until === undefined && query.since === undefined ? 0n : nanosOf(entry.time);
    if (until !== undefined && at > until) return;
    if (query.since !== undefined && at < query.since) continue;
    const stream = entry.stream === "stderr" ? "stderr" : "stdout";
    if (!query[stream]) continue;
    yield { stream, data: Buffer.from(render(entry, request)) };
  }
}

function render(entry: LogEntry, { query, details }: LogRead): string {
  const prefix = query.details ? `${details} ` : "";
  return query.timestamps ? `${fullTime(entry.time)} ${prefix}${entry.log}` : `${prefix}${entry.log}`;
}

async function* entries(request: LogRead): AsyncGenerator<LogEntry> {
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
async function* follow(first: OpenLog | undefined, changes: Changes, request: LogRead): AsyncGenerator<LogEntry> {
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
async function* drain(file: OpenLog, signal: AbortSignal): AsyncGenerator<LogEntry> {
  const block = Buffer.allocUnsafe(BLOCK);
  let rest = Buffer.alloc(0);
  while (!signal.aborted) {
    const { bytesRead } = await file.file.read(block, 0, BLOCK, file.offset + rest.length);
    if (bytesRead === 0) return;
    const data = rest.length === 0 ? block.subarray(0, bytesRead) : Buffer.concat([rest, block.subarray(0, bytesRead)]);
    const end = data.lastIndexOf(10) + 1;
    if (end === 0 && data.length < LONGEST_LINE) {
      rest = Buffer.from(data);
      continue;
    }
    const whole = end === 0 ? data.length : end;
    file.offset += whole;
    rest = Buffer.from(data.subarray(whole));
    for (const line of data.toString("utf8", 0, whole).split("\n")) {
      const entry = line === "" ? undefined : parseEntry(line);
      if (entry !== undefined) yield entry;
    }
  }
}
