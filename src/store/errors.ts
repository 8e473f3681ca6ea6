import { dataLoss, EngineError, isKind, noSpace, unavailable, unknown } from "../base/index.ts";

/** The file is not readable as a database any more. */
export function damaged(path: string, detail: string, cause?: unknown): EngineError {
  return dataLoss(
    `the state file ${path} is damaged (${detail}): move it away to start with empty state, or put a backup in its place`,
    { cause },
  );
}

/** A later release wrote it. */
export function newer(path: string, owner: string, found: number, known: number): EngineError {
  return dataLoss(
    `the state file ${path} was written by a newer berth (${owner} is at version ${found}, this one knows ${known}): ` +
      "start that version, or give this one another data root",
  );
}

/** There is no room for a commit. */
export function full(path: string, cause: unknown): EngineError {
  return noSpace(`no space left on device: nothing can be recorded in ${path}`, { cause });
}

/** The disk does not take a commit: it is broken. */
export function unwritable(path: string, detail: string, cause: unknown): EngineError {
  return unknown(`nothing can be recorded in ${path}: ${detail}`, { cause });
}

/** Nothing can be recorded, since the file system is read-only: what must be done all the same is noted elsewhere. */
export class ReadOnlyStoreError extends EngineError {
  constructor(path: string, why: string, cause: unknown) {
    super("unknown", `nothing can be recorded in ${path}: ${why}`, { cause });
  }
}

/** True when nothing can be recorded for now: the file system is read-only, or full. */
export function cannotRecord(error: unknown): boolean {
  return error instanceof ReadOnlyStoreError || isKind(error, "no-space");
}

/** Another process holds it. */
export function busy(path: string, cause: unknown): EngineError {
  return unavailable(`the state file ${path} is in use by another process`, { cause });
}
