import { readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errnoOf } from "../base/index.ts";
import { compressedName } from "./compressed.ts";
import { readCursor, type Position } from "./cursor.ts";
import { lineBlocks } from "./line-blocks.ts";
import { identityAt, rotatedName } from "./log-files.ts";
import type { LogFilePlan } from "./types.ts";

const LINE_FEED = 0x0a;

/** Bytes of a log that come after `from`; all of them when it is undefined or its file is gone. */
export async function waitingBytes(
  { path, maxFiles }: Pick<LogFilePlan, "path" | "maxFiles">,
  from: Position | undefined,
): Promise<number> {
  let waiting = 0;
  for (let index = 0; index < Math.max(1, maxFiles); index++) {
    const name = rotatedName(path, index);
    // What a compressed file was before is not known without reading it: for a measure its size will do.
    waiting += (await sizeOf(name)) || (await sizeOf(compressedName(name)));
    if (from !== undefined && (await identityAt(path, index)) === from.identity) {
      return Math.max(0, waiting - from.offset);
    }
  }
  return waiting;
}

/** How many entries of a log come after its cursor: they are read for it. */
export async function waitingEntries(path: string): Promise<number> {
  const [from, maxFiles] = await Promise.all([readCursor(path), filesOf(path)]);
  const { signal } = new AbortController();
  let entries = 0;
  for await (const { lines } of lineBlocks({ path, maxFiles, tail: "all", follow: undefined, signal, from })) {
    for (let at = lines.indexOf(LINE_FEED); at !== -1; at = lines.indexOf(LINE_FEED, at + 1)) entries++;
  }
  return entries;
}

/** How many names a log has, whatever its options are. */
async function filesOf(path: string): Promise<number> {
  const start = `${basename(path)}.`;
  const numbers = (await readdir(dirname(path)))
    .filter((name) => name.startsWith(start))
    .map((name) => Number(name.slice(start.length).replace(/\.gz$/, "")));
  return Math.max(0, ...numbers.filter(Number.isInteger)) + 1;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return 0;
    throw error;
  }
}
