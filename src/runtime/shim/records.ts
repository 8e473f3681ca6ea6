import { readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { dataLoss, errnoOf } from "../../base/index.ts";
import type { ExitEvent } from "./connection.ts";

export const EXIT_RECORD = "exit.json";
export const execRecord = (execId: string) => `exec-${execId}.json`;

/** An end that the shim put on record. */
export interface RecordedExit extends ExitEvent {
  /** Nanoseconds since 1970; 0: it ended before its program was started. */
  readonly startedAt: bigint;
}

/**
 * What the shim wrote when PID 1 (`execId` empty) or an exec ended; undefined when it did not end under a shim.
 * @throws data-loss when the record cannot be understood.
 */
export async function readExitRecord(directory: string, execId = ""): Promise<RecordedExit | undefined> {
  const path = join(directory, execId === "" ? EXIT_RECORD : execRecord(execId));
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  return parseExitRecord(text, execId, path);
}

/** Removes an exec's record once its exit is known to whoever asked. */
export async function removeExecRecord(directory: string, execId: string): Promise<void> {
  try {
    await unlink(join(directory, execRecord(execId)));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

function parseExitRecord(text: string, execId: string, path: string): RecordedExit {
  try {
    const record: unknown = JSON.parse(text);
    if (isRecord(record)) {
      const { pid, code, at, oom, startedAt } = record;
      return { execId, pid, code, at: BigInt(at), oom, startedAt: BigInt(startedAt) };
    }
  } catch (error) {
    throw dataLoss(`exit record ${path} is damaged`, { cause: error });
  }
  throw dataLoss(`exit record ${path} is damaged`);
}

interface RecordFile {
  code: number;
  at: string;
  oom: boolean;
  pid: number;
  startedAt: string;
}

function isRecord(value: unknown): value is RecordFile {
  if (typeof value !== "object" || value === null) return false;
  const { code, at, oom, pid, startedAt } = value as Record<string, unknown>; // an object's keys, checked below
  const instants = typeof at === "string" && typeof startedAt === "string";
  return typeof code === "number" && instants && typeof oom === "boolean" && typeof pid === "number";
}
