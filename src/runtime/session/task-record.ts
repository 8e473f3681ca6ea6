import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { dataLoss, errnoOf, type ContainerId } from "../../base/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { runFileSteps, type BlockingCalls } from "../../sys/index.ts";

export const TASK_RECORD = "task.json";

/** What a later daemon must know of a task to go on with it. Beside the shim's socket, in the task's 0700 directory. */
export interface TaskRecord {
  version: 1;
  id: ContainerId;
  cgroupPath: string;
  /** Path of another OCI runtime's program; undefined: the built-in one. */
  program: string | undefined;
  spec: RuntimeSpec;
}

/** Whole or not at all. Not synced: it is needed only as long as the shim lives, and neither outlives the machine. */
export async function writeTaskRecord(
  calls: Pick<BlockingCalls, "fileSteps">,
  directory: string,
  record: TaskRecord,
): Promise<void> {
  const file = join(directory, TASK_RECORD);
  await runFileSteps(calls, [
    { op: "write", path: `${file}.new`, data: JSON.stringify(record), mode: 0o600 },
    { op: "rename", from: `${file}.new`, to: file },
  ]);
}

/** @returns undefined when there is none: the task was never made. @throws data-loss when it is damaged. */
export async function readTaskRecord(directory: string): Promise<TaskRecord | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, TASK_RECORD), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    const record = JSON.parse(text) as TaskRecord; // written by this file only; the version tells its shape
    if (record.version === 1) return record;
  } catch (error) {
    throw dataLoss(`task record in ${directory} is damaged`, { cause: error });
  }
  throw dataLoss(`task record in ${directory} is of a version that this daemon does not know`);
}
