import { constants } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { errnoOf } from "../base/index.ts";

/** An open file of a rotated log, with how far it was read. */
export interface OpenLog extends AsyncDisposable {
  readonly file: FileHandle;
  readonly inode: bigint;
  offset: number;
}

/** The name of the `index`th older file; 0 is the one that is written. */
export function rotatedName(path: string, index: number): string {
  return index === 0 ? path : `${path}.${index}`;
}

/** Opens a file; undefined when there is none. */
export async function openLog(path: string): Promise<OpenLog | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { ino } = await file.stat({ bigint: true });
    return { file, inode: ino, offset: 0, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * All files of a log, oldest first. Rotation meanwhile is noticed by the newest file's inode, and then opened again, so
 * that no file is missed or there twice.
 */
export async function openAll(path: string, maxFiles: number): Promise<OpenLog[]> {
  for (;;) {
    const files: OpenLog[] = [];
    for (let index = 0; index < Math.max(1, maxFiles); index++) {
      const file = await openLog(rotatedName(path, index));
      if (file !== undefined) files.unshift(file);
      else if (index > 0) break;
    }
    const newest = files.at(-1);
    if ((await inodeOf(path)) === newest?.inode || newest === undefined) return files;
    await closeAll(files);
  }
}

export async function closeAll(files: readonly OpenLog[]): Promise<void> {
  for (const file of files) await file[Symbol.asyncDispose]();
}

export async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * The file that was written after `previous`: the one before it in the row of rotated names.
 * @returns undefined when `previous` is still the one that is written, or the new one is not there yet.
 */
export async function openNext(path: string, maxFiles: number, previous: OpenLog): Promise<OpenLog | undefined> {
  const current = await inodeOf(path);
  if (current === undefined || current === previous.inode) return undefined;
  let oldest = 0;
  for (let index = 1; index < Math.max(1, maxFiles) + 1; index++) {
    const inode = await inodeOf(rotatedName(path, index));
    if (inode === previous.inode) return await openLog(rotatedName(path, index - 1));
    if (inode === undefined) break;
    oldest = index;
  }
  // It was rotated away altogether: what is left begins with the oldest.
  return await openLog(rotatedName(path, oldest));
}
