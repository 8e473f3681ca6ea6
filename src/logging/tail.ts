import type { OpenLog } from "./log-files.ts";

const BLOCK = 64 * 1024;
const LINE_FEED = 10;

/**
 * Sets the files' offsets so that reading them gives the last `lines` lines; files before that are left out.
 * @returns the files to read, oldest first.
 */
export async function seekTail(files: OpenLog[], lines: number): Promise<OpenLog[]> {
  let missing = lines;
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index];
    if (file === undefined) continue;
    const { size } = await file.file.stat();
    if (missing <= 0) {
      file.offset = size;
      return files.slice(index);
    }
    const found = await seekBack(file, size, missing);
    if (found === undefined) return files.slice(index);
    missing -= found;
  }
  return files;
}

/** Reads backwards until so many lines begin; gives the number found when the file has fewer, undefined when done. */
async function seekBack(file: OpenLog, size: number, lines: number): Promise<number | undefined> {
  const block = Buffer.allocUnsafe(BLOCK);
  let found = 0;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK);
    const { bytesRead } = await file.file.read(block, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The line feed at the very end closes the last line, it begins none.
      if (block[at] !== LINE_FEED || start + at === size - 1) continue;
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
