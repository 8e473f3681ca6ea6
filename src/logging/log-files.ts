import { constants } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { errnoOf } from "../base/index.ts";
import { compressedName, identityIn, inflated } from "./compressed.ts";

/** An open file of a rotated log, with how far it was read. */
export interface OpenLog extends AsyncDisposable {
  readonly file: FileHandle;
  /** Of the file that was written, whatever it is called now and whether it was compressed since. */
  readonly identity: string;
  offset: number;
}

/** The name of the `index`th older file; 0 is the one that is written. */
export function rotatedName(path: string, index: number): string {
  return index === 0 ? path : `${path}.${index}`;
}

/** Tells files apart, also one that got the inode of one that is gone. */
export async function identityOf(path: string): Promise<string | undefined> {
  return await unlessMissing(async () => identity(await stat(path, { bigint: true })));
}

function identity(status: { ino: bigint; birthtimeNs: bigint }): string {
  return `${status.ino}:${status.birthtimeNs}`;
}

/** Opens a file as it was written; undefined when there is none. */
export async function openLog(path: string): Promise<OpenLog | undefined> {
  return await unlessMissing(async () => {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const status = await file.stat({ bigint: true });
    return { file, identity: identity(status), offset: 0, [Symbol.asyncDispose]: () => file.close() };
  });
}

/** Opens the `index`th older file, whether it is compressed or not. */
async function openRotated(path: string, index: number): Promise<OpenLog | undefined> {
  const name = rotatedName(path, index);
  const plain = await openLog(name);
  if (plain !== undefined || index === 0) return plain;
  const from = await identityIn(compressedName(name));
  const file = from === undefined ? undefined : await inflated(compressedName(name));
  if (from === undefined || file === undefined) return undefined;
  return { file, identity: from, offset: 0, [Symbol.asyncDispose]: () => file.close() };
}

/** The identity of the `index`th older file, whether it is compressed or not. */
export async function identityAt(path: string, index: number): Promise<string | undefined> {
  const name = rotatedName(path, index);
  return (await identityOf(name)) ?? (index === 0 ? undefined : await identityIn(compressedName(name)));
}

/**
 * All files of a log, oldest first. Rotation only moves files up the row of names: who looks along the row misses none that
 * stays, and may see one twice.
 */
export async function openAll(path: string, maxFiles: number): Promise<OpenLog[]> {
  const files: OpenLog[] = [];
  try {
    for (let index = 0; index < Math.max(1, maxFiles); index++) {
      const file = await openRotated(path, index);
      if (file === undefined) continue;
      if (files.some(({ identity: seen }) => seen === file.identity)) await file[Symbol.asyncDispose]();
      else files.unshift(file);
    }
    return files;
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

export async function closeAll(files: readonly OpenLog[]): Promise<void> {
  for (const file of files) await file[Symbol.asyncDispose]();
}

/** Where a file stands in the row of names; undefined when it was rotated away. */
export async function findFile(path: string, maxFiles: number, wanted: string): Promise<number | undefined> {
  for (let index = 0; index < Math.max(1, maxFiles); index++) {
    if ((await identityAt(path, index)) === wanted) return index;
  }
  return undefined;
}

/**
 * The file that was written after `previous`: the one before it in the row of names.
 * @returns undefined when `previous` is still the one that is written, or the new one is not there yet.
 */
export async function openNext(path: string, maxFiles: number, previous: string): Promise<OpenLog | undefined> {
  for (;;) {
    const index = await findFile(path, maxFiles, previous);
    if (index === undefined) return await openOldest(path, maxFiles);
    if (index === 0) return undefined;
    const next = await openRotated(path, index - 1);
    // A rotation moves the older file first: while that stands still, so does the one after it.
    if ((await identityAt(path, index)) === previous) {
      if (next !== undefined || index === 1) return next;
    } else await next?.[Symbol.asyncDispose]();
  }
}

async function openOldest(path: string, maxFiles: number): Promise<OpenLog | undefined> {
  const [oldest, ...others] = await openAll(path, maxFiles);
  await closeAll(others);
  return oldest;
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
