import type { ContainerId, Logger } from "../../base/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import type { BlockingCalls } from "../../sys/index.ts";
import type { ContainerOptions, ExecProcessOptions, Shim, ShimPool, ShimProgram, StartedExec } from "../shim/index.ts";
import type { ExecRequest, TaskRequest } from "../types.ts";
import type { TaskRecord } from "./task-record.ts";

/** What every task of a runtime shares. */
export interface RuntimeContext {
  cgroups: CgroupDriver;
  shim: ShimProgram;
  calls: Pick<BlockingCalls, "fileSteps" | "readFiles">;
  /** Shims that are there already. */
  spares?: ShimPool;
  logger: Logger;
}

/** Where a task is: all that a later daemon knows of it. */
export interface TaskPlace {
  id: ContainerId;
  directory: string;
  record: TaskRecord;
}

/**
 * How a container's processes are made within a shim: by launch plans, or by another OCI runtime. Everything else of a
 * task (stdio, signals, limits, statistics) is the same for all.
 */
export interface TaskLauncher {
  /** What can be done while the shim is being started. @throws LaunchError. */
  prepare(request: TaskRequest, place: TaskPlace): Promise<PreparedTask>;
  /** @throws LaunchError with Docker's texts. */
  start(shim: Shim, place: TaskPlace): Promise<void>;
  /** @throws LaunchError with Docker's texts. */
  exec(shim: Shim, place: TaskPlace, request: ExecRequest, options: ExecProcessOptions): Promise<StartedExec>;
  /** Removes what it made beside shim and cgroup. All processes have been killed. May be called again. */
  remove(place: TaskPlace): Promise<void>;
}

export interface PreparedTask {
  /** PID 1, waiting before its program. @throws LaunchError; nothing but what `remove` removes is left then. */
  create(shim: Shim, options: ContainerOptions): Promise<number>;
}
