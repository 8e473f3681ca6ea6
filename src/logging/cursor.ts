import { readFile } from "node:fs/promises";
import { errnoOf, writeFileAtomic } from "../base/index.ts";

/** How far a log was delivered: a file by its identity, and the place in what was written to it. */
export interface Position {
  readonly identity: string;
  readonly offset: number;
}

/** Beside the log's files. */
export function cursorName(path: string): string {
  return `${path}.cursor`;
}

/** @returns undefined when nothing was delivered yet, or the file is damaged: the log is then delivered anew. */
export async function readCursor(path: string): Promise<Position | undefined> {
  try {
    // Checked below: disks lie.
    const { identity, offset } = JSON.parse(await readFile(cursorName(path), "utf8")) as Record<string, unknown>;
    if (typeof identity === "string" && typeof offset === "number" && offset >= 0) return { identity, offset };
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

/** Replaces the cursor at once. Not synced: a machine that loses power delivers some entries again. */
export async function writeCursor(path: string, { identity, offset }: Position): Promise<void> {
  await writeFileAtomic(cursorName(path), JSON.stringify({ identity, offset }), { durable: false });
}
