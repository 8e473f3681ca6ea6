import { getSystemErrorName } from "node:util";
import type { BlockingCalls } from "./types.ts";

/**
 * Reads small files of the kernel's on the thread pool, with one way there and back for all; a megabyte of each at most.
 * @param missing errnos that mean that there is no such file, or nothing in it.
 * @returns their texts in order, undefined for those.
 * @throws an Error with `code`, `path` and `syscall`, as node's are.
 */
export async function readFiles(
  native: Pick<BlockingCalls, "readFiles">,
  paths: readonly string[],
  missing: readonly string[],
): Promise<(string | undefined)[]> {
  const answer = await native.readFiles(Buffer.from(paths.map((path) => `${path}\0`).join("")));
  let at = 0;
  return paths.map((path) => {
    const length = answer.readInt32LE(at);
    at += 4;
    if (length >= 0) return answer.toString("utf8", at, (at += length));
    const failure = readFailure(length, path);
    if (missing.includes(failure.code)) return undefined;
    throw failure;
  });
}

export function readFailure(errno: number, path: string): Error & { code: string } {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${code}: read '${path}'`), { code, errno, syscall: "read", path });
}
