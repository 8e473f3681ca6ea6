import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { dataLoss, errnoOf } from "../../base/index.ts";
import type { ExitEvent } from "./connection.ts";

export const EXIT_RECORD = "exit.json";
export const execRecord = (execId: string) => `exec-${execId}.json`;

/**
 * What the shim wrote when PID 1 (`execId` empty) or an exec ended; undefined when it did not end under a shim.
 * @throws data-loss when the record cannot be understood.
 */
export async function readExitRecord(directory: string, execId = ""): Promise<ExitEvent | undefined> {
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
  await rm(join(directory, execRecord(execId)), { force: true });
}

function parseExitRecord(text: string, execId: string, path: string): ExitEvent {
  try {
    const record: unknown = JSON.parse(text);
    if (isRecord(record)) {
      return { execId, pid: record.pid, code: record.code, at: BigInt(record.at), oom: record.oom };
    }
  } catch (error) {
    throw dataLoss(`exit record ${path} is damaged`, { cause: error });
  }
  throw dataLoss(`exit record ${path} is damaged`);
}

function isRecord(value: unknown): value is { code: number; at: string; oom: boolean; pid: number } {
  if (typeof value !== "object" || value === null) return false;
  const { code, at, oom, pid } = value as Record<string, unknown>; // an object's keys, checked below
  return typeof code === "number" && typeof at === "string" && typeof oom === "boolean" && typeof pid === "number";
}
