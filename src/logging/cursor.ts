import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { errnoOf, writeFileAtomic } from "../base/index.ts";

/** How far a log was delivered: a file by its identity, and the place in what was written to it. */
export interface Position {
  readonly identity: string;
  readonly offset: number;
}

/** Beside the log's files. */
function cursorName(path: string): string {
  return `${path}.cursor`;
}

/** @returns undefined when nothing was delivered yet, or the file is damaged: the log is then delivered anew. */
export async function readCursor(path: string): Promise<Position | undefined> {
  try {
    // Checked below: disks lie.
    const { identity, offset } = JSON.parse(await readFile(cursorName(path), "utf8")) as Record<string, unknown>;
    if (typeof identity === "string" && identity !== "" && typeof offset === "number" && offset >= 0) {
      return { identity, offset };
    }
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

/** Marks a log as one that is delivered, though nothing of it was yet. */
export async function beginCursor(path: string): Promise<void> {
  await writeCursor(path, { identity: "", offset: 0 });
}

/** Whether a log is one that is delivered. */
export function hasCursor(path: string): boolean {
  return existsSync(cursorName(path));
}

/** Replaces the cursor at once. Not synced: a machine that loses power delivers some entries again. */
export async function writeCursor(path: string, { identity, offset }: Position): Promise<void> {
  await writeFileAtomic(cursorName(path), JSON.stringify({ identity, offset }), { durable: false });
}
