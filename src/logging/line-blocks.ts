import { Changes } from "./changes.ts";
import { closeAll, openAll, openLog, openNext, type OpenLog } from "./log-files.ts";
import { seekTail } from "./tail.ts";

const BLOCK = 256 * 1024;
const LINE_FEED = 10;
/** Entries are at most 16 KiB of text, escaped six-fold at worst, and attributes; a longer line is damage. */
const LONGEST_LINE = 1024 * 1024;

/** Whole lines of a log, in memory that is used again for the next block. */
export interface LineBlock {
  readonly lines: Buffer;
  /** Where they stand. */
  readonly file: OpenLog;
  readonly offset: number;
}

export interface BlocksRequest {
  path: string;
  maxFiles: number;
  tail: number | "all";
  /** Undefined: what is there now. Else goes on as the log grows, until it is whole and this settles. */
  follow: Promise<void> | undefined;
  signal: AbortSignal;
  /** Where to begin; what the log had before is left out. Undefined, or a file that is gone: with the oldest. */
  from?: { identity: string; offset: number } | undefined;
}

/** Reads a log's lines over its rotated files, oldest first. */
export async function* lineBlocks(request: BlocksRequest): AsyncGenerator<LineBlock> {
  const { path, maxFiles, follow: ended, signal } = request;
  const buffer = new LineBuffer();
  // Watching begins before reading: what is written in between is not missed.
  using changes = ended === undefined ? undefined : new Changes(path, ended, signal);
  let files = await openAll(path, maxFiles);
  try {
    if (request.tail !== "all") files = await seekTail(files, request.tail);
    if (request.from !== undefined) files = await skipTo(files, request.from);
    while (files.length > 1) {
      const [file, ...rest] = files;
      if (file !== undefined) yield* buffer.drain(file, signal);
      files = rest;
      await file?.[Symbol.asyncDispose]();
    }
    const [newest] = files;
    if (changes === undefined) {
      if (newest !== undefined) yield* buffer.drain(newest, signal);
    } else {
      files = [];
      yield* follow(newest, { buffer, changes, request });
    }
  } finally {
    await closeAll(files);
  }
}

async function skipTo(files: OpenLog[], from: { identity: string; offset: number }): Promise<OpenLog[]> {
  const index = files.findIndex(({ identity }) => identity === from.identity);
  const file = files[index];
  if (file === undefined) return files;
  file.offset = from.offset;
  await closeAll(files.slice(0, index));
  return files.slice(index);
}

interface Following {
  buffer: LineBuffer;
  changes: Changes;
  request: BlocksRequest;
}

/** Reads on as the file grows and is rotated; ends when the log is whole and read to its end. */
async function* follow(first: OpenLog | undefined, { buffer, changes, request }: Following): AsyncGenerator<LineBlock> {
  const { path, maxFiles, signal } = request;
  let file = first;
  try {
    for (;;) {
      if (signal.aborted) return;
      const last = changes.ended;
      file ??= await openLog(path);
      if (file !== undefined) {
        yield* buffer.drain(file, signal);
        const next = await openNext(path, maxFiles, file.identity);
        if (next !== undefined) {
          // Nothing is written to a file after its renaming, but something may have been between the two looks.
          yield* buffer.drain(file, signal);
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

/** Memory for blocks, used again and again. */
class LineBuffer {
  #block = Buffer.allocUnsafeSlow(BLOCK);

  /** Every whole line from the file's offset to its end now. */
  async *drain(file: OpenLog, signal: AbortSignal): AsyncGenerator<LineBlock> {
    let size = BLOCK;
    while (!signal.aborted) {
      if (size > this.#block.length) this.#block = Buffer.allocUnsafeSlow(size);
      const { bytesRead } = await file.file.read(this.#block, 0, size, file.offset);
      if (bytesRead === 0) return;
      const data = this.#block.subarray(0, bytesRead);
      let whole = data.lastIndexOf(LINE_FEED) + 1;
      if (whole === 0) {
        if (bytesRead < size) return; // a line that is being written
        if (size < LONGEST_LINE) {
          size *= 2;
          continue;
        }
        whole = bytesRead;
      }
      size = BLOCK;
      const offset = file.offset;
      file.offset += whole;
      yield { lines: data.subarray(0, whole), file, offset };
    }
  }
}
