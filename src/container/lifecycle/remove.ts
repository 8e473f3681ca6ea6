import { join } from "node:path";
import { crashPoint, isKind, KeyedLock, Retries, type Digest, type Logger } from "../../base/index.ts";
import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { putRemoving, removeInProgress, removePaused, removeRunning } from "../errors.ts";
import { removeFolder } from "../hosts-files.ts";
import { farewellOf } from "../logging.ts";
import type { ContainerRegistry, Tombstone } from "../registry.ts";
import { cannotRecord } from "../../store/index.ts";
import { isUp } from "../state.ts";
import type { ContainerDependencies } from "../types.ts";
import type { NotedRemoval, RemovalNotes } from "./removal-notes.ts";
import type { RestartTimers } from "./restart-timers.ts";
import type { Stopping } from "./stop.ts";

type Needs = Pick<
  ContainerDependencies,
  "calls" | "events" | "images" | "snapshotter" | "volumes" | "networks" | "root" | "logs" | "logDrivers"
>;

/** Removal in two phases: rows, name and references in one transaction; then what is on disk. */
export class Removal {
  readonly #registry: ContainerRegistry;
  readonly #notes: RemovalNotes;
  readonly #needs: Needs;
  readonly #lock: KeyedLock;
  readonly #timers: RestartTimers;
  readonly #forget: (entry: ContainerEntry) => void;
  /** Physical removals that go on. */
  readonly #background = new Set<Promise<void>>();
  /** Those that wait until a log is delivered. */
  readonly #farewells = new Set<Promise<void>>();
  /** Containers whose physical removal is under way. */
  readonly #burying = new Set<string>();
  /** Of what is left of removed containers. */
  readonly #retries: Retries;
  /** One at a time. */
  readonly #turn = new KeyedLock();

  constructor(parts: {
    registry: ContainerRegistry;
    notes: RemovalNotes;
    needs: Needs;
    lock: KeyedLock;
    timers: RestartTimers;
    logger: Logger;
    /** Drops what others hold of the container (execs, health). */
    forget: (entry: ContainerEntry) => void;
  }) {
    this.#registry = parts.registry;
    this.#notes = parts.notes;
    this.#needs = parts.needs;
    this.#lock = parts.lock;
    this.#timers = parts.timers;
    this.#forget = parts.forget;
    this.#retries = new Retries({
      what: "removing what is left of a container",
      work: () => this.#again(),
      logger: parts.logger,
    });
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
    // One of them may never end, and hold the lock as long.
    if (options.force) for (const put of entry.puts) put.abort(putRemoving(entry.id));
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
    await this.#dropLeftover(entry);
    await this.withExit(entry, volumes);
  }

  /** The same with its exit: who ends the run takes down what is left of it. */
  async withExit(entry: ContainerEntry, volumes: boolean): Promise<void> {
    if (this.#registry.get(entry.id) === undefined) return;
    this.#timers.forget(entry.id);
    this.#forget(entry);
    entry.pending.end();
    const used = entry.record.mounts.filter((mount) => mount.type === "volume");
    const anonymous = volumes ? used.filter((mount) => mount.anonymous).map(({ name }) => name) : [];
    const durable = entry.record.hostConfig.AutoRemove !== true;
    const record = farewellOf(entry.record, this.#needs) && entry.record;
    const tombstone: Tombstone = { id: entry.id, volumes: anonymous, record };
    try {
      this.#registry.remove(entry, tombstone, { durable }, () => {
        for (const { name } of used) this.#needs.volumes.removeUser(name, entry.id);
      });
    } catch (error) {
      if (!cannotRecord(error)) throw error;
      return await this.#note(entry, { id: entry.id, volumes: anonymous, used: used.map(({ name }) => name) }, error);
    }
    const takenDown = this.#takeDown(tombstone, entry.record.image.id);
    // Nobody waits for the files of one that goes by itself; its volumes, which others can see, are gone when it is.
    if (durable || anonymous.length > 0) await takenDown;
    announce(this.#needs.events, entry.record, "destroy");
    entry.announceRemoval();
    await takenDown;
  }

  /** What cannot be recorded is noted elsewhere; what is on disk stays until it can be, or until it can be removed. */
  async #note(entry: ContainerEntry, removal: NotedRemoval, cause: unknown): Promise<void> {
    await this.#notes.add(removal, cause);
    this.#registry.forget(entry);
    if (isKind(cause, "no-space")) await this.#again().catch((error: unknown) => this.#retries.later(error));
    else this.#retries.later(cause);
    announce(this.#needs.events, entry.record, "destroy");
    entry.announceRemoval();
  }

  /** On a full disk files go first: they make room for what is to be recorded. */
  async #makeRoom(): Promise<void> {
    for (const { id } of this.#notes.all()) {
      const folder = join(this.#needs.root, id);
      if (!(await this.#needs.logs.finish(id, folder, undefined))) continue;
      await removeFolder(this.#needs.calls, folder, id);
      crashPoint("full-disk-remove:folder");
      await this.#removeSnapshot(id);
      crashPoint("full-disk-remove:snapshot");
    }
  }

  /** Records what is noted only. @throws when it still cannot be recorded. */
  async #recordNoted(): Promise<void> {
    for (const { id, volumes, used } of this.#notes.all()) {
      this.#registry.erase({ id, volumes, record: undefined }, { durable: true }, () => {
        for (const name of used) if (this.#needs.volumes.get(name)) this.#needs.volumes.removeUser(name, id);
      });
      crashPoint("read-only-remove:recorded");
      await this.#notes.drop(id);
      crashPoint("read-only-remove:dropped");
    }
  }

  async #dropLeftover(entry: ContainerEntry): Promise<void> {
    const { leftover } = entry;
    if (leftover === undefined) return;
    const results = await Promise.allSettled([this.#needs.networks.detach(entry.id), leftover.release()]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    entry.leftover = undefined;
  }

  /** Resumes what an earlier daemon left half done. Logs that are still to be delivered are not waited for. */
  async resume(): Promise<void> {
    await this.#recordNoted().catch((error: unknown) => this.#retries.later(error));
    for (const tombstone of this.#registry.tombstones()) {
      if (!this.#burying.has(tombstone.id)) await this.#takeDown(tombstone);
    }
    await Promise.all(this.#background);
  }

  async #again(): Promise<void> {
    using _turn = await this.#turn.acquire("again");
    try {
      await this.#recordNoted();
    } catch (error) {
      if (!isKind(error, "no-space")) throw error;
      await this.#makeRoom();
      await this.#recordNoted();
    }
    for (const tombstone of this.#registry.tombstones()) {
      if (this.#burying.has(tombstone.id)) continue;
      await this.#clear(tombstone);
      await this.#removeFolder(tombstone);
      await this.#needs.images.collect();
    }
  }

  /** The physical removal. It is removed for its user already: what fails here is done later. */
  async #takeDown(tombstone: Tombstone, image?: Digest): Promise<void> {
    const { id } = tombstone;
    this.#burying.add(id);
    try {
      await this.#clear(tombstone);
    } catch (error) {
      this.#burying.delete(id);
      this.#retries.later(error);
      return;
    }
    const works = tombstone.record === undefined ? this.#background : this.#farewells;
    const work = this.#removeFolder(tombstone)
      .then(() => this.#collectLayers(image))
      .catch((error: unknown) => this.#retries.later(error))
      .finally(() => {
        this.#burying.delete(id);
        works.delete(work);
      });
    works.add(work);
  }

  /** An image that was removed under its containers leaves its layers to the last of them. */
  async #collectLayers(image: Digest | undefined): Promise<void> {
    if (image === undefined || (await this.#needs.images.get(image)) === undefined) await this.#needs.images.collect();
  }

  async #clear({ id, volumes }: Tombstone): Promise<void> {
    crashPoint("remove:record");
    await this.#removeSnapshot(id);
    crashPoint("remove:snapshot");
    for (const name of volumes) await this.#removeVolume(name);
    crashPoint("remove:volumes");
  }

  /** Waits for the physical removals; what failed is left for the next start. */
  async settle(): Promise<void> {
    this.#retries[Symbol.dispose]();
    await Promise.all([...this.#background, ...this.#farewells]);
  }

  async #removeFolder({ id, record }: Tombstone): Promise<void> {
    const folder = join(this.#needs.root, id);
    const last = record && farewellOf(record, this.#needs);
    // The daemon ends: the next one goes on.
    if (!(await this.#needs.logs.finish(id, folder, last))) return;
    await removeFolder(this.#needs.calls, folder, id);
    crashPoint("remove:folder");
    this.#registry.buried(id);
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
