import { setTimeout as delay } from "node:timers/promises";
import { isKind, MAX_DELAY, unknown, type KeyedLock } from "../../base/index.ts";
import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { alreadyStopped, notRunning } from "../errors.ts";
import type { ContainerRegistry } from "../registry.ts";
import { SIGKILL, SIGTERM, parseSignal } from "../signals.ts";
import type { ContainerDependencies } from "../types.ts";
import type { RestartTimers } from "./restart-timers.ts";

/** How long PID 1 may take to end after SIGKILL before something is wrong with the host. */
const KILL_PATIENCE = 30_000;

/** Ends runs: stop and kill. The lock is held for decisions only, never while waiting for an exit. */
export class Stopping {
  readonly #registry: ContainerRegistry;
  readonly #needs: Pick<ContainerDependencies, "events" | "config">;
  readonly #lock: KeyedLock;
  readonly #timers: RestartTimers;

  constructor(parts: {
    registry: ContainerRegistry;
    needs: Pick<ContainerDependencies, "events" | "config">;
    lock: KeyedLock;
    timers: RestartTimers;
  }) {
    this.#registry = parts.registry;
    this.#needs = parts.needs;
    this.#lock = parts.lock;
    this.#timers = parts.timers;
  }

  /**
   * Sends the stop signal, waits, and kills when the time is over.
   * @throws not-modified when it does not run; invalid for an unknown signal.
   */
  async stop(
    entry: ContainerEntry,
    options: { signal: string | undefined; timeout: number | undefined },
  ): Promise<void> {
    const { config } = entry.record;
    const signal = parseSignal(options.signal || config.StopSignal || String(SIGTERM));
    const timeout = options.timeout ?? config.StopTimeout ?? this.#needs.config.stopTimeout;
    if (!(await this.#begin(entry))) throw alreadyStopped();
    await this.#endWithin(entry, signal, timeout);
    announce(this.#needs.events, entry.record, "stop");
  }

  /** @throws conflict when it does not run; invalid for an unknown signal. */
  async kill(entry: ContainerEntry, text: string | undefined): Promise<void> {
    const signal = text === undefined || text === "" ? SIGKILL : parseSignal(text);
    const { phase } = entry.state;
    if (phase.kind !== "running" && phase.kind !== "restarting") throw notRunning(entry.id);
    const stopSignal = entry.record.config.StopSignal;
    // Docker takes any signal for a wish to end, unless the container names the one that is.
    const ends = signal === SIGKILL || !stopSignal || parseSignal(stopSignal) === signal;
    if (ends) await this.#begin(entry);
    else await this.#started(entry);
    await this.signal(entry, signal);
    if (signal === SIGKILL) await this.#ends(entry, KILL_PATIENCE);
  }

  /** Ends a run because the daemon does: not the user's wish, so that its restart policy holds at the next start. */
  async leave(entry: ContainerEntry, timeout: number): Promise<void> {
    entry.ending = true;
    await this.#endAsConfigured(entry, timeout);
  }

  /** Ends a run that is unhealthy as a stop would, but leaves what follows to its restart policy. */
  async giveUp(entry: ContainerEntry): Promise<void> {
    if (entry.ending || entry.removing || entry.run === undefined) return;
    this.#registry.noteState(entry, { givenUp: true });
    announce(this.#needs.events, entry.record, "restart_on_unhealthy");
    await this.#endAsConfigured(entry, this.#needs.config.stopTimeout);
  }

  /** Ends a run for good, before a removal. */
  async end(entry: ContainerEntry): Promise<void> {
    await this.#begin(entry);
    if (entry.run !== undefined) await this.#killHard(entry);
  }

  /** A start is recorded a moment before its run can be signalled; it holds the lock for both. */
  async #started(entry: ContainerEntry): Promise<void> {
    using _held = await this.#lock.acquire(entry.id);
  }

  /** Marks the end as wanted. False: nothing ran. */
  async #begin(entry: ContainerEntry): Promise<boolean> {
    using _held = await this.#lock.acquire(entry.id);
    const { phase } = entry.state;
    if (phase.kind === "restarting") {
      this.#timers.forget(entry.id);
      this.#registry.noteState(entry, { phase: { kind: "idle" }, stoppedByUser: true });
      entry.announceExit();
      return true;
    }
    if (phase.kind !== "running") return false;
    entry.ending = true;
    this.#registry.noteState(entry, { stoppedByUser: true });
    return true;
  }

  /** Sends a signal to PID 1 and tells of it. A paused container is thawed when the signal is to end it. */
  async signal(entry: ContainerEntry, signal: number): Promise<void> {
    const { run } = entry;
    if (run === undefined) return;
    try {
      // Told at once: the exit must not be told before.
      await run.task.kill(signal, {
        sent: () => announce(this.#needs.events, entry.record, "kill", { signal: String(signal) }),
      });
    } catch (error) {
      // It ended by itself just now; its exit is being dealt with.
      if (!isKind(error, "not-found") && !isKind(error, "unavailable")) throw error;
      if (entry.ending) return;
      throw notRunning(entry.id);
    }
    const { phase } = entry.state;
    if (phase.kind === "running" && phase.paused && (signal === SIGKILL || entry.ending)) {
      await this.#thaw(entry, signal !== SIGKILL);
    }
  }

  /** @param told whether it is an event: what was killed ends before it goes on. */
  async #thaw(entry: ContainerEntry, told: boolean): Promise<void> {
    using _held = await this.#lock.acquire(entry.id);
    const { phase } = entry.state;
    if (phase.kind !== "running" || !phase.paused || entry.run === undefined) return;
    await entry.run.task.resume();
    if (told) announce(this.#needs.events, entry.record, "unpause");
    this.#registry.noteState(entry, { phase: { ...phase, paused: false } });
  }

  /** By the container's own signal and timeout. @param timeout seconds for one that has none. */
  async #endAsConfigured(entry: ContainerEntry, timeout: number): Promise<void> {
    const { StopSignal, StopTimeout } = entry.record.config;
    await this.#endWithin(entry, parseSignal(StopSignal || String(SIGTERM)), StopTimeout ?? timeout);
  }

  /** @param timeout seconds until SIGKILL; negative: never. */
  async #endWithin(entry: ContainerEntry, signal: number, timeout: number): Promise<void> {
    await this.signal(entry, signal);
    if (!(await this.#ends(entry, timeout < 0 ? undefined : timeout * 1000))) await this.#killHard(entry);
  }

  async #killHard(entry: ContainerEntry): Promise<void> {
    await this.signal(entry, SIGKILL);
    if (await this.#ends(entry, KILL_PATIENCE)) return;
    throw unknown(`cannot stop container: ${entry.id}: tried to kill container, but did not receive an exit event`);
  }

  /** Waits for the exit to be dealt with; false when the time was over first. `undefined`: for ever. */
  async #ends(entry: ContainerEntry, milliseconds: number | undefined): Promise<boolean> {
    const { run } = entry;
    if (run === undefined) return true;
    // A timer beyond its greatest delay fires at once.
    if (milliseconds === undefined || milliseconds > MAX_DELAY) return await run.settled.then(() => true);
    const over = new AbortController();
    try {
      const late = delay(milliseconds, false, { signal: over.signal }).catch(() => false);
      return await Promise.race([run.settled.then(() => true), late]);
    } finally {
      over.abort();
    }
  }
}
