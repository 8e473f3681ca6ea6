import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  asEngineError,
  errnoOf,
  isKind,
  isReadOnly,
  messageOf,
  Retries,
  unavailable,
  type ContainerId,
  type KeyedLock,
  type Logger,
} from "../../base/index.ts";
import type { NetworkTask } from "../../network/index.ts";
import type { Task } from "../../runtime/index.ts";
import { networkTask } from "../create/endpoints.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ContainerRegistry } from "../registry.ts";
import { shouldStartAtBoot } from "../restart-policy.ts";
import type { Clock, ContainerDependencies } from "../types.ts";
import type { Removal } from "./remove.ts";
import type { Runs } from "./runs.ts";

type Needs = Pick<ContainerDependencies, "root" | "runtime" | "networks" | "snapshotter">;

/** The exit code of a container whose end nobody saw: the host went down with it. */
const LOST = 255;

/** After a daemon restart: believes the shims, not the rows. */
export class Recovery {
  readonly #registry: ContainerRegistry;
  readonly #needs: Needs;
  readonly #runs: Runs;
  readonly #removal: Removal;
  readonly #lock: KeyedLock;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /**
   * Containers whose supervisors did not answer, with their locks, which this holds: they stay as they are recorded, and
   * whoever wants to change one waits, until it is known what runs.
   */
  readonly #silent = new Map<ContainerEntry, Disposable>();
  readonly #retries: Retries;

  constructor(parts: {
    registry: ContainerRegistry;
    needs: Needs;
    runs: Runs;
    removal: Removal;
    lock: KeyedLock;
    clock: Clock;
    logger: Logger;
  }) {
    this.#registry = parts.registry;
    this.#needs = parts.needs;
    this.#runs = parts.runs;
    this.#removal = parts.removal;
    this.#lock = parts.lock;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#retries = new Retries({
      what: "asking the supervisor of a container",
      work: () => this.#askAgain(),
      logger: parts.logger,
    });
  }

  /** Adopts what runs, settles what ended, removes what is half made, starts what the policies ask for. */
  async run(): Promise<void> {
    const entries = this.#registry.all();
    const found = new Map<ContainerEntry, Task>();
    // At once: those that do not answer are waited for together.
    await Promise.all(entries.map((entry) => this.#find(entry, found)));
    await this.#restoreNetworks(found);
    for (const entry of entries) {
      if (this.#silent.has(entry)) continue;
      using _held = await this.#lock.acquire(entry.id);
      await this.#settle(entry, found.get(entry));
    }
    await this.#removal.resume();
    await this.#sweep();
    // Oldest first: those that others are linked to were made before them.
    for (const entry of this.#registry.all().reverse()) if (!this.#silent.has(entry)) await this.#applyPolicy(entry);
  }

  /** Asks no supervisor any more. Changes of containers whose supervisors did not answer go on waiting. */
  close(): void {
    this.#retries[Symbol.dispose]();
  }

  async #find(entry: ContainerEntry, found: Map<ContainerEntry, Task>): Promise<void> {
    try {
      const task = await this.#needs.runtime.recover(entry.id);
      if (task !== undefined) found.set(entry, task);
    } catch (error) {
      this.#logger.error("a container's supervisor cannot be asked", { container: entry.id, error: messageOf(error) });
      this.#silent.set(entry, await this.#lock.acquire(entry.id));
      this.#retries.soon();
    }
  }

  async #askAgain(): Promise<void> {
    let failure: Error | undefined;
    for (const [entry, lock] of this.#silent) {
      try {
        await this.#settle(entry, await this.#needs.runtime.recover(entry.id));
      } catch (error) {
        failure = asEngineError(error);
        continue;
      }
      this.#silent.delete(entry);
      lock[Symbol.dispose]();
      await this.#applyPolicy(entry);
    }
    if (failure !== undefined) throw failure;
  }

  async #restoreNetworks(found: ReadonlyMap<ContainerEntry, Task>): Promise<void> {
    const running = new Map<ContainerId, NetworkTask>();
    for (const [entry, task] of found) {
      if (task.pid === 0 || Object.keys(entry.record.endpoints).length === 0) continue;
      running.set(entry.id, networkTask(task));
    }
    for (const { id, state, record } of this.#silent.keys()) {
      if (state.phase.kind !== "running" || Object.keys(record.endpoints).length === 0) continue;
      running.set(id, { netnsPath: `/proc/${state.phase.pid}/ns/net`, ports: this.#portsOf(id) });
    }
    await this.#needs.networks.restore(running);
  }

  /** Of a supervisor that does not answer now, and may when its ports are needed. */
  #portsOf(id: ContainerId): NetworkTask["ports"] {
    const task = async () => {
      const found = await this.#needs.runtime.recover(id);
      if (found === undefined) throw unavailable(`container ${id} does not run any more`);
      return found;
    };
    return {
      holdPort: async (address, protocol, port, listens) =>
        await (await task()).holdPort(address, protocol, port, listens),
      releasePorts: async (descriptors) => await (await task()).releasePorts(descriptors),
    };
  }

  /** The lock is held. */
  async #settle(entry: ContainerEntry, task: Task | undefined): Promise<void> {
    try {
      if (task !== undefined && task.pid !== 0) this.#runs.adopt(entry, task);
      else if (task !== undefined) await this.#runs.late(entry, task);
      else if (entry.state.phase.kind === "running") {
        const finishedAt = String(this.#clock.now());
        this.#registry.noteState(entry, { phase: { kind: "idle" }, exitCode: LOST, finishedAt });
      }
    } catch (error) {
      this.#logger.error("a container was not recovered", { container: entry.id, error: messageOf(error) });
    }
  }

  /** What was begun by a daemon that was killed: folders, snapshots and tasks without a row. */
  async #sweep(): Promise<void> {
    const known = new Set(this.#registry.all().map((entry) => entry.id));
    await this.#needs.runtime.sweep(known);
    if (isReadOnly(this.#needs.root)) return;
    // Their logs may be on their way.
    const removed = new Set(this.#registry.tombstones().map(({ id }) => id));
    for (const name of await foldersIn(this.#needs.root)) {
      if (!isKnown(known, name) && !removed.has(name))
        await rm(join(this.#needs.root, name), { recursive: true, force: true });
    }
    for (const { key, kind } of this.#needs.snapshotter.list()) {
      if (kind !== "active" || !/^[0-9a-f]{64}$/.test(key) || isKnown(known, key)) continue;
      await this.#needs.snapshotter.remove(key).catch((error: unknown) => {
        if (!isKind(error, "not-found")) {
          this.#logger.warn("a half-made snapshot is left", { snapshot: key, error: messageOf(error) });
        }
      });
    }
  }

  async #applyPolicy(entry: ContainerEntry): Promise<void> {
    using _held = await this.#lock.acquire(entry.id);
    const { phase, startedAt } = entry.state;
    if (phase.kind === "restarting") return this.#runs.resume(entry);
    if (phase.kind !== "idle" || startedAt === "") return;
    const { hostConfig } = entry.record;
    if (hostConfig.AutoRemove === true) await this.#removal.now(entry, true);
    else if (shouldStartAtBoot(hostConfig.RestartPolicy ?? {}, entry.state)) this.#runs.resume(entry);
  }
}

function isKnown(known: ReadonlySet<string>, name: string): boolean {
  return known.has(name);
}

async function foldersIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
