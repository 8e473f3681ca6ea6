import type { ExecCreateBody } from "../../api/index.ts";
import type { ExecTask } from "../../runtime/index.ts";
import type { ContainerEntry } from "../entry.ts";

export type ExecState =
  | { kind: "created" }
  | { kind: "starting" }
  | { kind: "running"; task: ExecTask }
  | { kind: "ended"; exitCode: number; pid: number; at: bigint };

/** A command to run, or that runs or ran, in a running container. Lives as long as the daemon or the container. */
export interface ExecInstance {
  readonly id: string;
  readonly entry: ContainerEntry;
  readonly body: ExecCreateBody;
  readonly detachKeys: Uint8Array;
  state: ExecState;
}
