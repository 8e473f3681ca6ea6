import { rm } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint, isKind, messageOf, type KeyedLock, type Logger } from "../../base/index.ts";
import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { removeInProgress, removePaused, removeRunning } from "../errors.ts";
import type { ContainerRegistry } from "../registry.ts";
import { isUp } from "../state.ts";
import type { ContainerDependencies } from "../types.ts";
import type { RestartTimers } from "./restart-timers.ts";
import type { Stopping } from "./stop.ts";

type Needs = Pick<ContainerDependencies, "events" | "snapshotter" | "volumes" | "networks" | "root">;

/** Removal in two phases: rows, name and references in one transaction; then what is on disk. */
export class Removal {
  readonly #registry: ContainerRegistry;
  readonly #needs: Needs;
  readonly #lock: KeyedLock;
  readonly #timers: RestartTimers;
  readonly #logger: Logger;
  readonly #forget: (entry: ContainerEntry) => void;
  /** Physical removals that go on. */
  readonly #background = new Set<Promise<void>>();

  constructor(parts: {
    registry: ContainerRegistry;
    needs: Needs;
    lock: KeyedLock;
    timers: RestartTimers;
    logger: Logger;
    /** Drops what others hold of the container (execs, health). */
    forget: (entry: ContainerEntry) => void;
  }) {
    this.#registry = parts.registry;
    this.#needs = parts.needs;
    this.#lock = parts.lock;
    this.#timers = parts.timers;
    this.#logger = parts.logger;
    this.#forget = parts.forget;
  }

  /** @throws conflict when it runs and `force` is not set, or another removal is under way. */
  async remove(
    entry: ContainerEntry,
    options: { force: boolean; volumes: boolean; name: string },
    stopping: Stopping,
  ): Promise<void> {
    await this.#claim(entry, options);
    try {
      if (isUp(entry.state)) await stopping.end(entry);
      using _held = await this.#lock.acquire(entry.id);
      await this.now(entry, options.volumes);
    } finally {
      entry.removing = false;
    }
  }

  async #claim(entry: ContainerEntry, options: { force: boolean; name: string }): Promise<void> {
    using _held = await this.#lock.acquire(entry.id);
    if (entry.removing || this.#registry.get(entry.id) === undefined) throw removeInProgress(options.name);
    const { phase } = entry.state;
    if (!options.force && isUp(entry.state)) {
      throw phase.kind === "running" && phase.paused ? removePaused(options.name) : removeRunning(options.name);
    }
    entry.removing = true;
  }

  /** Removes a container that does not run. The lock is held. */
  async now(entry: ContainerEntry, volumes: boolean): Promise<void> {
    if (this.#registry.get(entry.id) === undefined) return;
    this.#timers.forget(entry.id);
    this.#forget(entry);
    entry.pending.end();
    await this.#dropLeftover(entry);
    const used = entry.record.mounts.filter((mount) => mount.type === "volume");
    const anonymous = volumes ? used.filter((mount) => mount.anonymous).map(({ name }) => name) : [];
    const durable = entry.record.hostConfig.AutoRemove !== true;
    this.#registry.remove(entry, { durable, volumes: anonymous }, () => {
      for (const { name } of used) this.#needs.volumes.removeUser(name, entry.id);
    });
    await this.#takeDown(entry.id, anonymous);
    announce(this.#needs.events, entry.record, "destroy");
    entry.announceRemoval();
  }

  async #dropLeftover(entry: ContainerEntry): Promise<void> {
    const { leftover } = entry;
    if (leftover === undefined) return;
    entry.leftover = undefined;
    await this.#needs.networks.detach(entry.id);
    await leftover.release();
  }

  /** Resumes what an earlier daemon left half done. */
  async resume(): Promise<void> {
    for (const { id, volumes } of this.#registry.tombstones()) await this.#takeDown(id, volumes);
    await this.settle();
  }

  /** The physical removal. It is removed for its user already: what fails here is left for the next start. */
  async #takeDown(id: string, volumes: readonly string[]): Promise<void> {
    try {
      crashPoint("remove:record");
      await this.#removeSnapshot(id);
      crashPoint("remove:snapshot");
      for (const name of volumes) await this.#removeVolume(name);
      crashPoint("remove:volumes");
    } catch (error) {
      this.#logger.warn("parts of a removed container are left for the next start", {
        container: id,
        error: messageOf(error),
      });
      return;
    }
    const work = this.#removeFolder(id).finally(() => this.#background.delete(work));
    this.#background.add(work);
  }

  /** Waits for the physical removals. */
  async settle(): Promise<void> {
    await Promise.all(this.#background);
  }

  async #removeFolder(id: string): Promise<void> {
    try {
      await rm(join(this.#needs.root, id), { recursive: true, force: true });
      crashPoint("remove:folder");
      this.#registry.buried(id);
    } catch (error) {
      this.#logger.warn("files of a removed container are left for the next start", {
        container: id,
        error: messageOf(error),
      });
    }
  }

  async #removeSnapshot(id: string): Promise<void> {
    try {
      await this.#needs.snapshotter.remove(id);
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
  }

  async #removeVolume(name: string): Promise<void> {
    // Another container may use it through --volumes-from.
    if (this.#needs.volumes.usersOf(name).length > 0) return;
    try {
      await this.#needs.volumes.remove(name, { force: true });
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
  }
}
