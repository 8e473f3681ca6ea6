import { existsSync } from "node:fs";
import { chown, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Filters, Volume, VolumeCreateRequest, VolumeListResponse } from "../api/index.ts";
import { type Archiver, Trash } from "../archive/index.ts";
import {
  crashPoint,
  errnoOf,
  formatNanos,
  isKind,
  KeyedLock,
  type Logger,
  messageOf,
  nowNanos,
  randomId,
  Retries,
} from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import type { IdMappings } from "../spec/index.ts";
import type { Store } from "../store/index.ts";
import type { Native } from "../sys/index.ts";
import { noDriver, noVolume, volumeInUse } from "./errors.ts";
import { listed, prunable } from "./filters.ts";
import { LocalMounts } from "./local-mounts.ts";
import { checkName, checkOptions } from "./options.ts";
import { type VolumeRow, VolumeRows } from "./rows.ts";
import type { VolumeService, VolumeUse } from "./types.ts";

const ANONYMOUS_LABEL = "com.docker.volume.anonymous";
const DATA = "_data";
const REMOVED = ".removed";

// Docker answers null where nothing was sent, which its document's type does not say.
const NULL_LIST = null as unknown as string[];
const NULL_MAP = null as unknown as Record<string, string>;

export interface VolumeServiceParts {
  /** The folder of volumes, made when it is missing. */
  root: string;
  store: Store;
  events: EventBus;
  native: Native;
  archiver: Archiver;
  logger: Logger;
  /** Who gets new volumes, when that is not root: the root of containers, as the host has it. */
  owner?: { uid: number; gid: number } | undefined;
}

/**
 * Volumes of the local driver: `ROOT/NAME/_data`, with a mount over it when options ask for one.
 *
 * A volume is recorded before its folder is made, and its folder is put away before its record goes, so that a killed
 * daemon neither loses data nor brings a removed volume back. Folders without a record are adopted, never removed.
 */
export async function createVolumeService(parts: VolumeServiceParts): Promise<VolumeService> {
  const service = new LocalVolumes(parts);
  await service.open();
  return service;
}

class LocalVolumes implements VolumeService {
  readonly #home: string;
  readonly #rows: VolumeRows;
  readonly #mounts: LocalMounts;
  readonly #trash: Trash;
  readonly #events: EventBus;
  readonly #archiver: Archiver;
  readonly #logger: Logger;
  readonly #owner: VolumeServiceParts["owner"];
  readonly #locks = new KeyedLock();
  /** Of what is left of removed volumes. */
  readonly #retries: Retries;

  constructor({ root, store, events, native, archiver, logger, owner }: VolumeServiceParts) {
    this.#owner = owner;
    this.#home = root;
    this.#rows = new VolumeRows(store);
    this.#mounts = new LocalMounts(native);
    this.#logger = logger.with({ module: "volume" });
    this.#trash = new Trash({ folder: join(this.#home, REMOVED), archiver, logger: this.#logger });
    this.#retries = new Retries({
      what: "removing what is left of a volume",
      work: () => this.#putAllAway(),
      logger: this.#logger,
    });
    this.#events = events;
    this.#archiver = archiver;
  }

  /** Makes what is there agree with the records. Called once, at boot. */
  async open(): Promise<void> {
    // Containers pass through it, nobody looks around in it (CVE-2021-41091).
    await mkdir(this.#home, { recursive: true, mode: 0o701 });
    await this.#trash.open();
    await this.#trash.resume();
    await this.#putAllAway().catch((error: unknown) => this.#retries.later(error));
    await this.#adopt();
    for (const row of this.#rows.present()) await this.#restore(row);
  }

  async list(filters: Filters): Promise<VolumeListResponse> {
    const rows = listed(this.#rows.present(), filters, (name) => this.#inUse(name));
    return { Volumes: rows.map((row) => this.#shown(row)), Warnings: NULL_LIST };
  }

  async listWithUsage(): Promise<VolumeListResponse> {
    const volumes: Volume[] = [];
    for (const row of this.#rows.present()) {
      const usage = { Size: await this.#sizeOf(row), RefCount: this.#rows.users(row.name).length };
      volumes.push({ ...this.#shown(row), UsageData: usage });
    }
    return { Volumes: volumes };
  }

  async create(body: VolumeCreateRequest): Promise<Volume> {
    const { name } = await this.#ensure({
      name: body.Name === "" ? undefined : body.Name,
      driver: body.Driver,
      options: body.DriverOpts ?? undefined,
      labels: body.Labels ?? undefined,
    });
    return await this.inspect(name);
  }

  async inspect(name: string): Promise<Volume> {
    return this.#shown(this.#require(name));
  }

  async remove(name: string, options: { force: boolean }): Promise<void> {
    using _held = await this.#locks.acquire(name);
    const row = this.#rows.get(name);
    if (row === undefined) {
      if (options.force) return;
      throw noVolume(name);
    }
    await this.#remove(row);
  }

  async prune(filters: Filters): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }> {
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const { name } of prunable(this.#rows.present(), filters, (used) => this.#inUse(used))) {
      using _held = await this.#locks.acquire(name);
      const row = this.#rows.get(name);
      if (row === undefined || this.#inUse(name)) continue;
      const size = Math.max(0, await this.#sizeOf(row));
      try {
        await this.#remove(row);
      } catch (error) {
        if (!isKind(error, "conflict")) throw error;
        continue; // somebody took it meanwhile
      }
      deleted.push(name);
      reclaimed += size;
    }
    this.#events.publish({ type: "volume", action: "prune", id: "", attributes: { reclaimed: String(reclaimed) } });
    return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed };
  }

  async ensure(request: Parameters<VolumeService["ensure"]>[0]): Promise<VolumeUse> {
    const use = await this.#ensure(request);
    await this.#mounts.mount(use.mountpoint, this.#require(use.name).options);
    return use;
  }

  addUser(name: string, containerId: string): void {
    this.#require(name);
    this.#rows.addUser(name, containerId);
  }

  removeUser(name: string, containerId: string): void {
    this.#rows.removeUser(name, containerId);
    const row = this.#rows.get(name);
    if (row === undefined || this.#inUse(name) || !hasMount(row)) return;
    this.#locks
      .run(name, async () => {
        if (!this.#inUse(name)) await this.#mounts.unmount(this.#data(name));
      })
      .catch((error: unknown) =>
        this.#logger.warn("a volume stays mounted", { volume: name, error: messageOf(error) }),
      );
  }

  usersOf(name: string): string[] {
    return this.#rows.users(name);
  }

  get(name: string): VolumeUse | undefined {
    const row = this.#rows.get(name);
    return row === undefined ? undefined : this.#use(row, false);
  }

  async copyUp(name: string, rootfs: string, path: string, ids?: IdMappings): Promise<void> {
    using _held = await this.#locks.acquire(name);
    const row = this.#require(name);
    const data = this.#data(name);
    if ((await readdir(data)).length > 0) return;
    this.#rows.markCopying(name, true);
    crashPoint("volume-copy-up:marked");
    try {
      await this.#archiver.copyWithin({ path: rootfs }, path, { path: data }, ids);
    } catch (error) {
      await this.#clear(row);
      throw error;
    }
    crashPoint("volume-copy-up:copied");
    this.#rows.markCopying(name, false);
  }

  async #ensure(request: {
    name: string | undefined;
    driver: string | undefined;
    options: Record<string, string> | undefined;
    labels: Record<string, string> | undefined;
  }): Promise<VolumeUse> {
    const name = request.name ?? randomId();
    const driver = request.driver === undefined || request.driver === "" ? "local" : request.driver;
    using _held = await this.#locks.acquire(name);
    if (driver !== "local") throw noDriver(name, driver);
    const existing = this.#rows.get(name);
    if (existing !== undefined) return this.#use(existing, false);
    checkName(name);
    checkOptions(name, request.options ?? {});
    const anonymous = request.name === undefined;
    const labels = anonymous ? { ...request.labels, [ANONYMOUS_LABEL]: "" } : request.labels;
    const row: VolumeRow = {
      name,
      driver,
      options: request.options,
      labels,
      anonymous: labels?.[ANONYMOUS_LABEL] !== undefined,
      created: nowNanos(),
      state: "present",
      copying: false,
    };
    await this.#make(row);
    this.#publish(row, "create");
    return this.#use(row, true);
  }

  async #make(row: VolumeRow): Promise<void> {
    // One of that name was removed, and could not be put away yet.
    if (this.#rows.isRecorded(row.name)) await this.#putAway(row);
    this.#rows.insert(row);
    crashPoint("volume-create:recorded");
    try {
      await this.#makeFolders(row.name);
    } catch (error) {
      this.#rows.delete(row.name);
      throw error;
    }
    crashPoint("volume-create:made");
  }

  async #makeFolders(name: string): Promise<void> {
    await mkdir(join(this.#home, name), { recursive: true, mode: 0o701 });
    const data = this.#data(name);
    if (this.#owner === undefined) return void (await mkdir(data, { recursive: true, mode: 0o755 }));
    if (existsSync(data)) return;
    // By another name until it has its owner, so that a killed daemon leaves none that containers cannot write to.
    const unowned = `${data}.new`;
    await mkdir(unowned, { recursive: true, mode: 0o755 });
    await chown(unowned, this.#owner.uid, this.#owner.gid);
    await rename(unowned, data);
  }

  /** The caller holds the volume's lock. @throws conflict. */
  async #remove(row: VolumeRow): Promise<void> {
    const users = this.#rows.users(row.name);
    if (users.length > 0) throw volumeInUse(row.name, users);
    this.#rows.markRemoving(row.name);
    try {
      crashPoint("volume-remove:marked");
      await this.#putAway(row);
    } catch (error) {
      // It is gone for everybody: the rest is done later.
      this.#retries.later(error);
    }
    this.#publish(row, "destroy");
  }

  async #putAllAway(): Promise<void> {
    for (const { name } of this.#rows.removing()) {
      using _held = await this.#locks.acquire(name);
      const row = this.#rows.removing().find((each) => each.name === name);
      if (row !== undefined) await this.#putAway(row);
    }
  }

  async #putAway(row: VolumeRow): Promise<void> {
    // What is mounted there is not the volume's own: it must be gone before anything is deleted.
    await this.#mounts.unmount(this.#data(row.name));
    crashPoint("volume-remove:unmounted");
    const place = `${row.name}.${randomId()}`;
    try {
      await rename(join(this.#home, row.name), join(this.#trash.folder, place));
      this.#trash.empty(place);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    crashPoint("volume-remove:moved");
    this.#rows.delete(row.name);
  }

  /** Folders that no record knows belong to an older state of this data root, or to Docker: they are people's data. */
  async #adopt(): Promise<void> {
    for (const entry of await readdir(this.#home, { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name === REMOVED || this.#rows.isRecorded(entry.name)) continue;
      const inner = await readdir(join(this.#home, entry.name));
      if (!inner.includes(DATA)) continue;
      this.#logger.info("adopting a volume without a record", { volume: entry.name });
      this.#rows.insert({
        name: entry.name,
        driver: "local",
        options: undefined,
        labels: undefined,
        anonymous: false,
        created: nowNanos(),
        state: "present",
        copying: false,
      });
    }
  }

  async #restore(row: VolumeRow): Promise<void> {
    await this.#makeFolders(row.name);
    try {
      if (row.copying) await this.#clear(row);
      if (this.#inUse(row.name)) await this.#mounts.mount(this.#data(row.name), row.options);
      else await this.#mounts.unmount(this.#data(row.name));
    } catch (error) {
      // A server that is away must not keep the engine from starting; its containers will say so.
      this.#logger.warn("a volume is not as it should be", { volume: row.name, error: messageOf(error) });
    }
  }

  /** Takes back a copy that was cut off. */
  async #clear(row: VolumeRow): Promise<void> {
    await this.#archiver.emptyDirectory({ path: this.#data(row.name) });
    this.#rows.markCopying(row.name, false);
  }

  async #sizeOf(row: VolumeRow): Promise<number> {
    // What is mounted from elsewhere is not this host's space.
    if (hasMount(row)) return -1;
    return (await this.#archiver.usage({ path: this.#data(row.name) })).bytes;
  }

  #require(name: string): VolumeRow {
    const row = this.#rows.get(name);
    if (row === undefined) throw noVolume(name);
    return row;
  }

  #inUse(name: string): boolean {
    return this.#rows.users(name).length > 0;
  }

  #data(name: string): string {
    return join(this.#home, name, DATA);
  }

  #use(row: VolumeRow, created: boolean): VolumeUse {
    const { name, driver, anonymous } = row;
    return { name, driver, mountpoint: this.#data(name), anonymous, created };
  }

  #shown(row: VolumeRow): Volume {
    return {
      CreatedAt: formatNanos(row.created - (row.created % 1_000_000_000n)),
      Driver: row.driver,
      Labels: row.labels ?? NULL_MAP,
      Mountpoint: this.#data(row.name),
      Name: row.name,
      Options: row.options ?? NULL_MAP,
      Scope: "local",
    };
  }

  #publish(row: VolumeRow, action: string): void {
    this.#events.publish({ type: "volume", action, id: row.name, attributes: { driver: row.driver } });
  }
}

/** True for a volume whose content is mounted from elsewhere. */
function hasMount(row: VolumeRow): boolean {
  return row.options?.["device"] !== undefined;
}
