import type { ContainerId } from "../base/index.ts";
import type { WaitResult } from "../api/index.ts";
import type { Task } from "../runtime/index.ts";
import type { PendingAttachments } from "./attach/pending.ts";
import type { Health } from "./health/types.ts";
import type { ContainerRecord } from "./record.ts";
import type { RunState } from "./state.ts";

/** A run that goes on: the task, and the promise that its exit was wholly dealt with (state, network, events). */
export interface Run {
  readonly task: Task;
  readonly settled: Promise<void>;
}

/** A container in memory: its record, its state and who waits for it. Changed under the container's lock. */
export class ContainerEntry {
  record: ContainerRecord;
  state: RunState;
  run: Run | undefined;
  /** An ended task that could not be taken down: tried again before the next start or the removal. */
  leftover: Task | undefined;
  health: Health | undefined;
  /** A removal is under way: nothing else may begin. */
  removing = false;
  /** A restart by the user is under way: the exit in between removes nothing. */
  kept = false;
  /** The next exit is wanted: the restart policy stays out of it. */
  ending = false;
  /** Files that are being put into it, or wait for their turn: a removal by force ends them. */
  readonly puts = new Set<AbortController>();
  /** Clients that attached before the start. */
  readonly pending: PendingAttachments;
  /** Execs that run, or may be started. */
  readonly execIds = new Set<string>();
  /** Those that can still be inspected; inspect of the container shows them no more. */
  readonly endedExecIds = new Set<string>();
  readonly #exitWaiters = new Set<(result: WaitResult) => void>();
  readonly #removalWaiters = new Set<(result: WaitResult) => void>();

  constructor(record: ContainerRecord, state: RunState, pending: PendingAttachments) {
    this.record = record;
    this.state = state;
    this.pending = pending;
  }

  get id(): ContainerId {
    return this.record.id;
  }

  get name(): string {
    return this.record.name;
  }

  nextExit(signal: AbortSignal): Promise<WaitResult> {
    return waiter(this.#exitWaiters, signal);
  }

  removal(signal: AbortSignal): Promise<WaitResult> {
    return waiter(this.#removalWaiters, signal);
  }

  announceExit(): void {
    settle(this.#exitWaiters, this.result());
  }

  announceRemoval(): void {
    // The removal went well, whatever its last start failed with.
    const result = { statusCode: this.state.exitCode };
    settle(this.#exitWaiters, result);
    settle(this.#removalWaiters, result);
  }

  /** What `wait` answers now. */
  result(): WaitResult {
    const { exitCode, error } = this.state;
    return error === "" ? { statusCode: exitCode } : { statusCode: exitCode, error };
  }
}

function waiter(set: Set<(result: WaitResult) => void>, signal: AbortSignal): Promise<WaitResult> {
  const { promise, resolve, reject } = Promise.withResolvers<WaitResult>();
  const gone = () => {
    set.delete(settled);
    reject(signal.reason);
  };
  const settled = (result: WaitResult) => {
    signal.removeEventListener("abort", gone);
    resolve(result);
  };
  set.add(settled);
  if (signal.aborted) gone();
  else signal.addEventListener("abort", gone, { once: true });
  return promise;
}

function settle(set: Set<(result: WaitResult) => void>, result: WaitResult): void {
  const waiting = [...set];
  set.clear();
  for (const resolve of waiting) resolve(result);
}
