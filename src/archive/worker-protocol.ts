import { EngineError, type ErrorKind, asEngineError } from "../base/index.ts";
import type { IdMappings } from "../spec/index.ts";
import type { InputLeft, LentInput, LentOutput } from "../wire/index.ts";
import type { JoinTask } from "./split-join.ts";
import type { UnpackTask } from "./unpack.ts";
import type { ArchivePathStat, DirectoryRef, PackRequest, TreeChange, UnpackResult } from "./types.ts";

/** What a worker can do: for each kind its arguments and its result. All of it may cross threads. */
export interface Tasks {
  unpack: {
    args: UnpackTask & { source: "stream" | { file: string; offset?: number; length?: number } };
    result: UnpackResult;
  };
  extract: { args: Tasks["unpack"]["args"]; result: undefined };
  join: { args: JoinTask; result: undefined };
  pack: { args: Pick<PackRequest, "root" | "paths" | "whiteouts">; result: undefined };
  stat: { args: { root: DirectoryRef; path: string }; result: ArchivePathStat };
  get: { args: { root: DirectoryRef; path: string; ids?: IdMappings | undefined }; result: undefined };
  put: {
    args: {
      root: DirectoryRef;
      path: string;
      noOverwriteDirNonDir: boolean;
      owner?: { uid: number; gid: number };
      ids?: IdMappings | undefined;
    };
    result: undefined;
  };
  overlayChanges: { args: { upper: DirectoryRef; lowers: readonly DirectoryRef[] }; result: TreeChange[] };
  treeChanges: { args: { before: DirectoryRef | undefined; after: DirectoryRef }; result: TreeChange[] };
  copyTree: { args: { from: DirectoryRef; to: DirectoryRef }; result: undefined };
  copyWithin: {
    args: { root: DirectoryRef; path: string; to: DirectoryRef; ids?: IdMappings | undefined };
    result: boolean;
  };
  removeTree: { args: { path: string }; result: undefined };
  emptyDirectory: { args: { directory: DirectoryRef }; result: undefined };
  usage: { args: { root: DirectoryRef }; result: { bytes: number; inodes: number } };
}

export type TaskKind = keyof Tasks;
export type Task = { [K in TaskKind]: { kind: K; args: Tasks[K]["args"] } }[TaskKind];

/**
 * To a worker, which has one task at a time. Of its output it sends the first chunk and waits for `more`, which allows for so
 * many more, or for `send-rest`, after which it sends none. With a lent input it reads that, and no chunk is sent to it.
 */
export type ToWorker =
  | { type: "start"; task: Task; lent?: LentInput | undefined }
  | { type: "input"; chunk: Uint8Array<ArrayBuffer> }
  | { type: "input-end" }
  | { type: "input-failed"; error: PlainError }
  | { type: "more"; chunks: number }
  | { type: "send-rest"; to: LentOutput }
  | { type: "abort" }
  | { type: "exit" };

/**
 * From a worker. `taken`: one chunk of input is used up; its buffer comes back. After `done` or `failed` it waits for the
 * next task; they tell how far a lent input was read.
 */
export type FromWorker =
  | { type: "taken"; buffer: ArrayBuffer }
  | { type: "output"; chunk: Uint8Array }
  | { type: "progress"; bytes: number }
  | { type: "done"; result: Tasks[TaskKind]["result"]; left?: InputLeft | undefined }
  | { type: "failed"; error: PlainError; left?: InputLeft | undefined };

/** Chunks that are on their way at once, each way: what a slow reader can make pile up. */
export const WINDOW = 8;

/** An error as data: threads share no classes. */
export interface PlainError {
  kind: ErrorKind;
  message: string;
}

export function toPlain(error: unknown): PlainError {
  const { kind, message } = asEngineError(error);
  return { kind, message };
}

export function fromPlain(error: PlainError): EngineError {
  return new EngineError(error.kind, error.message);
}
