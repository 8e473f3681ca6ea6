import { closeAll, type OpenLog } from "./log-files.ts";

const BLOCK = 64 * 1024;
const LINE_FEED = 10;

/**
 * Sets the files' offsets so that reading them gives the last `lines` lines; read from the end, and files before that are
 * closed.
 * @returns the files to read, oldest first.
 */
export async function seekTail(files: OpenLog[], lines: number): Promise<OpenLog[]> {
  let missing = lines;
  let index = files.length - 1;
  for (; index >= 0; index--) {
    const file = files[index];
    if (file === undefined) break;
    const { size } = await file.file.stat();
    if (missing <= 0) {
      file.offset = size;
      break;
    }
    const found = await seekBack(file, size, missing);
    if (found === undefined) break;
    missing -= found;
  }
  await closeAll(files.slice(0, Math.max(0, index)));
  return files.slice(Math.max(0, index));
}

/** Reads backwards until so many lines begin; gives the number found when the file has fewer, undefined when done. */
async function seekBack(file: OpenLog, size: number, lines: number): Promise<number | undefined> {
  const block = Buffer.allocUnsafe(BLOCK);
  let found = 0;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK);
    const { bytesRead } = await file.file.read(block, 0, end - start, start);
    for (let at = block.lastIndexOf(LINE_FEED, bytesRead - 1); at >= 0; at = lastFeed(block, at - 1)) {
      // The line feed at the very end closes the last line, it begins none.
      if (start + at === size - 1) continue;
      found += 1;
      if (found === lines) {
        file.offset = start + at + 1;
        return undefined;
      }
    }
    end = start;
  }
  file.offset = 0;
  const total = size === 0 ? 0 : found + 1;
  return total === lines ? undefined : total;
}

/** As lastIndexOf, which takes a negative place for one that is counted from the end. */
function lastFeed(block: Buffer, from: number): number {
  return from < 0 ? -1 : block.lastIndexOf(LINE_FEED, from);
}
