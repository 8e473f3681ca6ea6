import { crashPoint, messageOf, Retries, type KeyedLock, type Logger } from "../../base/index.ts";
import type { ExitRecord, Task } from "../../runtime/index.ts";
import { announce, announceVolumes } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { alreadyStarted, startPaused, startRemoving } from "../errors.ts";
import { linksOf } from "../links.ts";
import type { ContainerRegistry } from "../registry.ts";
import { shouldRestart } from "../restart-policy.ts";
import type { RunState } from "../state.ts";
import type { Clock, ContainerDependencies } from "../types.ts";
import type { RestartTimers } from "./restart-timers.ts";
import { startFailure, type StartPlan } from "./start-plan.ts";

export interface RunHooks {
  /** The program runs, or was found running after a daemon restart. */
  started(entry: ContainerEntry): void;
  /** It has exited; before the exit is announced. */
  exited(entry: ContainerEntry): void;
  /**
   * Nothing will start it again, and it is to be removed with its exit or failed start. What is left of a run that has
   * ended is taken down by the caller, afterwards. The lock is held.
   */
  remove(entry: ContainerEntry): Promise<void>;
}

/** Runs of containers, from start to the exit that is wholly dealt with. Callers hold the container's lock. */
export class Runs {
  readonly #plan: StartPlan;
  readonly #registry: ContainerRegistry;
  readonly #needs: Pick<ContainerDependencies, "events" | "networks" | "metrics">;
  readonly #lock: KeyedLock;
  readonly #timers: RestartTimers;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #hooks: RunHooks;
  /** Containers with an ended task that could not be taken down. */
  readonly #leftovers = new Set<ContainerEntry>();
  readonly #retries: Retries;
  #closed = false;

  constructor(parts: {
    plan: StartPlan;
    registry: ContainerRegistry;
    needs: Pick<ContainerDependencies, "events" | "networks" | "metrics">;
    lock: KeyedLock;
    timers: RestartTimers;
    clock: Clock;
    logger: Logger;
    hooks: RunHooks;
  }) {
    this.#plan = parts.plan;
    this.#registry = parts.registry;
    this.#needs = parts.needs;
    this.#lock = parts.lock;
    this.#timers = parts.timers;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#hooks = parts.hooks;
    this.#retries = new Retries({
      what: "taking an exited container down",
      work: () => this.#releaseLeftovers(),
      logger: parts.logger,
    });
  }

  /** Exits from now on are left to the next daemon. */
  close(): void {
    this.#closed = true;
    this.#retries[Symbol.dispose]();
  }

  /** A start that the user asked for. @throws not-modified, conflict, and what the runtime says. */
  async start(entry: ContainerEntry): Promise<void> {
    const { phase } = entry.state;
    if (entry.removing || phase.kind === "removing" || phase.kind === "dead") throw startRemoving();
    if (phase.kind === "running") throw phase.paused ? startPaused() : alreadyStarted();
    if (phase.kind === "restarting") throw alreadyStarted();
    this.#timers.forget(entry.id);
    await this.#timedLaunch(entry, { restartCount: 0, stoppedByUser: false });
  }

  /** A start that the restart policy asked for. */
  async again(entry: ContainerEntry): Promise<void> {
    await this.#timedLaunch(entry, { restartCount: entry.state.restartCount + 1 });
  }

  async #timedLaunch(entry: ContainerEntry, change: { restartCount: number; stoppedByUser?: boolean }): Promise<void> {
    await this.#needs.metrics.containerActions.time("start", () => this.#launch(entry, change));
  }

  async #launch(entry: ContainerEntry, change: { restartCount: number; stoppedByUser?: boolean }): Promise<void> {
    entry.ending = false;
    const before = entry.state;
    let task: Task;
    try {
      announceVolumes(this.#needs.events, entry.record, "mount");
      await this.#release(entry);
      task = await this.#plan.run(entry, (made) =>
        this.#registry.saveState(entry, {
          ...change,
          givenUp: false,
          phase: { kind: "running", pid: made.pid, paused: false },
          startedAt: String(this.#clock.now()),
          exitCode: 0,
          error: "",
          oomKilled: false,
        }),
      );
    } catch (error) {
      const failure = startFailure(error, before.exitCode);
      await this.#failed(entry, { ...before, error: failure.error.message, exitCode: failure.exitCode });
      throw failure.error;
    }
    this.#watch(entry, task);
    announce(this.#needs.events, entry.record, "start");
    this.#hooks.started(entry);
  }

  async #failed(entry: ContainerEntry, state: RunState): Promise<void> {
    announceVolumes(this.#needs.events, entry.record, "unmount");
    this.#registry.noteState(entry, { ...state, phase: { kind: "idle" } });
    entry.pending.end();
    if (entry.record.hostConfig.AutoRemove === true) await this.#hooks.remove(entry);
  }

  /** Takes over a task that was found running after a daemon restart. */
  adopt(entry: ContainerEntry, task: Task): void {
    const { phase } = entry.state;
    const paused = phase.kind === "running" && phase.paused;
    this.#registry.noteState(entry, {
      ...unrecordedStart(entry.state),
      phase: { kind: "running", pid: task.pid, paused },
      startedAt: phase.kind === "running" ? entry.state.startedAt : String(this.#clock.now()),
    });
    this.#watch(entry, task);
    // A daemon that was killed in the middle of a commit, or before it could record a pause, leaves it frozen.
    if (!paused) {
      task.resume().catch((error: unknown) => {
        this.#logger.error("a container may still be frozen", { container: entry.id, error: messageOf(error) });
      });
    }
    this.#hooks.started(entry);
  }

  /** A task that ended while no daemon was there. The lock is held. */
  async late(entry: ContainerEntry, task: Task): Promise<void> {
    const exit = await task.exited;
    // A daemon was killed on the way to a start, before there was a supervisor: nothing ran.
    if (exit.supervisorLost && entry.state.phase.kind !== "running") return await this.#takeDown(entry, task);
    // Of a run before the one that is waited for, the exit is known.
    const isKnown = entry.state.finishedAt === String(exit.at);
    if (!isKnown) this.#registry.noteState(entry, { ...unrecordedStart(entry.state) });
    await this.#exited(entry, task, exit);
  }

  #watch(entry: ContainerEntry, task: Task): void {
    task.onOutOfMemory = () => this.#outOfMemory(entry);
    // Before anybody listened: in its first moments, or while no daemon was there.
    if (task.outOfMemory && !entry.state.oomKilled) this.#outOfMemory(entry);
    const settled = this.#settle(entry, task);
    entry.run = { task, settled };
  }

  #outOfMemory(entry: ContainerEntry): void {
    if (this.#closed) return;
    if (!entry.state.oomKilled) this.#registry.noteState(entry, { oomKilled: true });
    announce(this.#needs.events, entry.record, "oom");
  }

  async #settle(entry: ContainerEntry, task: Task): Promise<void> {
    const exit = await task.exited;
    if (this.#closed) return;
    using _held = await this.#lock.acquire(entry.id);
    if (this.#closed) return;
    try {
      await this.#exited(entry, task, exit);
    } catch (error) {
      // The exit itself is recorded; what could not be cleaned is found again at the next boot.
      this.#logger.error("an exit was not wholly dealt with", { container: entry.id, error: messageOf(error) });
    }
  }

  /**
   * Records first, so that a daemon killed at any point finds the exit again; then ends what others could stumble over,
   * tells, and takes down what is left.
   */
  async #exited(entry: ContainerEntry, task: Task, exit: ExitRecord): Promise<void> {
    const { hostConfig } = entry.record;
    const { restartCount, startedAt, oomKilled } = entry.state;
    const ended = entry.ending || entry.state.stoppedByUser;
    const code = entry.state.givenUp && exit.code === 0 ? 1 : exit.code;
    const again = !entry.removing && shouldRestart(hostConfig.RestartPolicy ?? {}, { code, restartCount, ended });
    this.#registry.noteState(entry, {
      phase: { kind: again ? "restarting" : "idle" },
      // A daemon that was killed before it could record the start leaves none.
      startedAt: startedAt === "" ? String(exit.at) : startedAt,
      finishedAt: String(exit.at),
      exitCode: exit.code,
      oomKilled: exit.oomKilled,
      error: exit.supervisorLost ? "the container's supervisor was lost" : "",
    });
    this.#hooks.exited(entry);
    entry.leftover = task;
    await this.#orLater(entry, () => this.#end(entry, task));
    entry.run = undefined;
    announceVolumes(this.#needs.events, entry.record, "unmount");
    if (exit.oomKilled && !oomKilled) announce(this.#needs.events, entry.record, "oom");
    const ranFor = startedAt === "" ? 0 : Number((exit.at - BigInt(startedAt)) / 1_000_000n);
    announce(this.#needs.events, entry.record, "die", {
      exitCode: String(exit.code),
      execDuration: String(Math.max(0, Math.floor(ranFor / 1000))),
    });
    entry.announceExit();
    if (again) this.#timers.schedule(entry.id, ranFor, () => this.#restart(entry));
    else if (hostConfig.AutoRemove === true && !entry.removing && !entry.kept) await this.#hooks.remove(entry);
    await this.#takeDown(entry, task);
  }

  async #takeDown(entry: ContainerEntry, task: Task): Promise<void> {
    entry.leftover = task;
    await this.#orLater(entry, async () => {
      await this.#release(entry);
      crashPoint("exit:released");
    });
  }

  /** What others may see of a run: processes, mounts, ports, addresses. */
  async #end(entry: ContainerEntry, task: Task): Promise<void> {
    crashPoint("exit:recorded");
    await allOf([this.#disconnect(entry), task.end()]);
    crashPoint("exit:ended");
  }

  /** What cannot be taken down now is taken down later; the exit is told in any case. */
  async #orLater(entry: ContainerEntry, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#leftovers.add(entry);
      this.#retries.later(error);
    }
  }

  async #releaseLeftovers(): Promise<void> {
    for (const entry of this.#leftovers) {
      using _held = await this.#lock.acquire(entry.id);
      // A run that was started since has taken it down itself.
      if (entry.run === undefined) await this.#release(entry);
      this.#leftovers.delete(entry);
    }
  }

  async #release(entry: ContainerEntry): Promise<void> {
    const { leftover } = entry;
    if (leftover === undefined) return;
    // At once: the network's end and the cgroup's do not need each other.
    await allOf([this.#disconnect(entry), leftover.release()]);
    entry.leftover = undefined;
  }

  async #disconnect(entry: ContainerEntry): Promise<void> {
    if (Object.keys(entry.record.endpoints).length > 0) await this.#needs.networks.detach(entry.id);
    crashPoint("exit:network");
  }

  async #restart(entry: ContainerEntry): Promise<void> {
    using _held = await this.#lock.acquire(entry.id);
    if (this.#closed || entry.removing || entry.state.phase.kind !== "restarting") return;
    try {
      await this.again(entry);
    } catch (error) {
      this.#logger.warn("a container was not started again", { container: entry.id, error: messageOf(error) });
    }
  }

  /** Schedules the start of a container that was waiting for one when the daemon ended; those it is linked to go first. */
  resume(entry: ContainerEntry): void {
    this.#registry.noteState(entry, { phase: { kind: "restarting" } });
    this.#timers.schedule(entry.id, 0, () => this.#restartAfterLinked(entry, new Set()));
  }

  async #restartAfterLinked(entry: ContainerEntry, seen: Set<ContainerEntry>): Promise<void> {
    seen.add(entry);
    for (const { target } of linksOf(entry.record)) {
      const other = this.#registry.byName(target);
      if (other?.state.phase.kind === "restarting" && !seen.has(other)) await this.#restartAfterLinked(other, seen);
    }
    await this.#restart(entry);
  }
}

/** What a daemon would have recorded of a start, had it not been killed when the program ran already. */
function unrecordedStart({ phase, restartCount }: RunState): Partial<RunState> {
  const begun = { startedAt: "", exitCode: 0, error: "", oomKilled: false, givenUp: false };
  // The restart policy asked for it,
  if (phase.kind === "restarting") return { ...begun, restartCount: restartCount + 1 };
  // or the user.
  if (phase.kind === "idle") return { ...begun, restartCount: 0, stoppedByUser: false };
  return {};
}

/** Waits for all, also when one fails. */
async function allOf(works: ReadonlyArray<Promise<void>>): Promise<void> {
  const results = await Promise.allSettled(works);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
