import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Archiver, Trash } from "../archive/index.ts";
import { crashPoint, KeyedLock, type Logger, randomId, Retries } from "../base/index.ts";
import type { Store } from "../store/index.ts";
import { O_DIRECTORY, O_RDONLY, type Native } from "../sys/index.ts";
import type { Place, StorageDriver } from "./driver.ts";
import { notActive } from "./errors.ts";
import { createRootfsViews, readOnlyMount } from "./rootfs-view.ts";
import { type Row, Rows } from "./rows.ts";
import type { RootfsMount, Snapshot, SnapshotChange, SnapshotRow, Snapshotter, UnpackTarget } from "./types.ts";

export interface SnapshotterParts {
  /** The daemon's data root. */
  root: string;
  store: Store;
  archiver: Archiver;
  native: Native;
  logger: Logger;
  driver: StorageDriver;
}

/**
 * The contract's rules over one storage driver. A directory is made before its row and is gone for everybody with its
 * row, so whatever a killed process leaves is a directory without a row: `sweep` removes those.
 */
export class StackedSnapshotter implements Snapshotter {
  readonly driver: Snapshotter["driver"];
  readonly #driver: StorageDriver;
  readonly #native: Native;
  readonly #rows: Rows;
  readonly #trash: Trash;
  readonly #logger: Logger;
  readonly #views: ReturnType<typeof createRootfsViews>;
  readonly #making = new KeyedLock();
  /** Of snapshots that are mounted to be written to, by key. */
  readonly #writing = new KeyedLock();
  /** Directories that lost their row and could not be moved away. */
  readonly #left = new Set<string>();
  readonly #retries: Retries;

  /** @throws what making the folders throws. */
  static async open(parts: SnapshotterParts): Promise<StackedSnapshotter> {
    const snapshotter = new StackedSnapshotter(parts);
    await parts.driver.open();
    await snapshotter.#trash.open();
    return snapshotter;
  }

  private constructor({ root, store, archiver, native, logger, driver }: SnapshotterParts) {
    this.driver = driver.name;
    this.#driver = driver;
    this.#native = native;
    this.#logger = logger;
    this.#rows = new Rows(store, driver.name);
    // Beside the driver's own folder, on the same file system: a rename is enough.
    const folder = join(root, `.removed-${driver.name}`);
    this.#trash = new Trash({
      folder,
      archiver,
      quick: async (path) => (await driver.removeEmpty?.(path)) ?? false,
      logger,
    });
    this.#views = createRootfsViews({ native });
    this.#retries = new Retries({
      what: "removing a snapshot's directory",
      work: async () => {
        for (const id of this.#left) await this.#moveAway(id);
      },
      logger,
    });
  }

  async prepare(key: string, parent: string | undefined): Promise<Snapshot> {
    // Two at once of the same key: the second must see the first one's row.
    using _turn = await this.#making.acquire(key);
    this.#rows.check(key, parent);
    const row: Row = { name: key, id: randomId(), kind: "active", parent };
    try {
      await this.#driver.create(this.#placeOf(row));
      crashPoint("snapshot-prepare:made");
      this.#rows.add(row);
    } catch (error) {
      await this.#discard(row.id);
      throw error;
    }
    crashPoint("snapshot-prepare:recorded");
    return { key, parent };
  }

  async unpackTarget(key: string): Promise<UnpackTarget> {
    return this.#driver.unpackTarget(this.#active(key));
  }

  unpacked(name: string): string {
    return this.#driver.unpackTarget(this.#place(name)).directory;
  }

  get parentMayComeLater(): boolean {
    return this.#driver.stackUpon !== undefined;
  }

  async commit(key: string, name: string, parent?: string): Promise<void> {
    this.#active(key);
    if (parent !== undefined) {
      await this.#driver.stackUpon?.(this.#placeOf(this.#rows.upon(key, parent)));
      crashPoint("snapshot-commit:stacked");
    }
    this.#rows.commit(key, name, parent);
    crashPoint("snapshot-commit:recorded");
  }

  exchange(key: string, name: string): void {
    this.#driver.exchange(this.#active(key), this.#place(name));
  }

  async sync(): Promise<void> {
    const folder = await open(this.#driver.home, O_RDONLY | O_DIRECTORY);
    try {
      await this.#native.syncfs(folder.fd);
    } finally {
      await folder.close();
    }
  }

  async remove(keyOrName: string): Promise<void> {
    const row = this.#rows.remove(keyOrName);
    await this.#discard(row.id);
    crashPoint("snapshot-remove:moved");
  }

  async mounts(keyOrName: string, use?: { volatile: boolean }): Promise<RootfsMount> {
    const place = this.#place(keyOrName);
    const volatile = use?.volatile === true ? await this.#driver.mountVolatile?.(place) : undefined;
    return volatile ?? this.#driver.mount(place);
  }

  usage(keyOrName: string): Promise<{ bytes: number; inodes: number }> {
    return this.#driver.usage(this.#place(keyOrName));
  }

  changes(key: string): Promise<SnapshotChange[]> {
    return this.#driver.changes(this.#place(key));
  }

  diff(key: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#driver.diff(this.#place(key), signal);
  }

  async withMerged<T>(
    keyOrName: string,
    work: (directory: { fd: number; path: string }) => Promise<T>,
    use?: { readOnly: boolean },
  ): Promise<T> {
    const mount = await this.mounts(keyOrName);
    if (use?.readOnly === true || (mount.type === "overlay" && mount.upper === undefined)) {
      await using view = await this.#views.open(readOnlyMount(mount));
      return await work(view);
    }
    using _turn = await this.#writing.acquire(keyOrName);
    await using view = await this.#views.open(mount);
    return await work(view);
  }

  has(keyOrName: string): boolean {
    return this.#rows.has(keyOrName);
  }

  list(): SnapshotRow[] {
    return this.#rows.all().map(({ name, kind, parent }) => ({ key: name, kind, parent }));
  }

  graphDriver(keyOrName: string): { Name: string; Data: Record<string, string> } {
    return { Name: this.driver, Data: this.#driver.graphData(this.#place(keyOrName)) };
  }

  async sweep(): Promise<void> {
    await this.#trash.resume();
    const known = new Map(this.#rows.all().map((row) => [row.id, row]));
    const there = new Set(await this.#driver.directories());
    for (const id of there) {
      if (known.has(id)) continue;
      this.#logger.info("removing a half-made snapshot", { id });
      await this.#discard(id);
    }
    // Whoever has a lost parent is lost, too: children first, so that no row stands in the way.
    const lost = (row: Row) => [row, ...this.#rows.ancestors(row)].some(({ id }) => !there.has(id));
    const gone = this.#rows.all().filter(lost);
    gone.sort((a, b) => this.#rows.ancestors(b).length - this.#rows.ancestors(a).length);
    for (const row of gone) {
      this.#logger.warn("a snapshot has lost its directory", { snapshot: row.name });
      this.#rows.remove(row.name);
      await this.#discard(row.id);
    }
  }

  /** What was removed and is not deleted yet is left to the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#retries[Symbol.dispose]();
    await this.#trash[Symbol.asyncDispose]();
  }

  async #discard(id: string): Promise<void> {
    try {
      crashPoint("snapshot-remove:unrecorded");
      await this.#moveAway(id);
    } catch (error) {
      // The row is gone, and for everybody the snapshot with it.
      this.#left.add(id);
      this.#retries.later(error);
    }
  }

  async #moveAway(id: string): Promise<void> {
    await this.#driver.discard(id, this.#trash.folder);
    this.#left.delete(id);
    this.#trash.empty(id);
  }

  #active(key: string): Place {
    const row = this.#rows.get(key);
    if (row.kind !== "active") throw notActive(key);
    return this.#placeOf(row);
  }

  #place(name: string): Place {
    return this.#placeOf(this.#rows.get(name));
  }

  #placeOf(row: Row): Place {
    return { id: row.id, kind: row.kind, ancestors: this.#rows.ancestors(row).map(({ id }) => id) };
  }
}
