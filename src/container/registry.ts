import { messageOf, parseContainerId, type ContainerId, type Logger } from "../base/index.ts";
import type { Store } from "../store/index.ts";
import { PendingAttachments } from "./attach/pending.ts";
import { ContainerEntry } from "./entry.ts";
import { ambiguous, nameInUse, noSuchContainer } from "./errors.ts";
import { linksOf } from "./links.ts";
import type { RemovalNotes } from "./lifecycle/removal-notes.ts";
import type { ContainerRecord } from "./record.ts";
import { NEW_STATE, type RunState } from "./state.ts";

const MIGRATIONS = [
  `CREATE TABLE containers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     record TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE container_tombstones (
     id TEXT PRIMARY KEY,
     volumes TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
  // No network and the host's are networks that one is on like others.
  ...["none", "host"].map(
    (mode) => `UPDATE containers SET record = json_set(record, '$.endpoints.${mode}', json('{}'))
     WHERE json_extract(record, '$.hostConfig.NetworkMode') = '${mode}'`,
  ),
  // Of a container whose log is still to be delivered: how.
  "ALTER TABLE container_tombstones ADD COLUMN record TEXT",
];

/** A removed container whose files may still be there. */
export interface Tombstone {
  readonly id: string;
  /** Anonymous ones that go with it. */
  readonly volumes: readonly string[];
  /** When what it logged may still be on its way to a receiver. */
  readonly record: ContainerRecord | undefined;
}

/** Which containers there are, by id and name: in memory for reading, in the store for keeping. */
export class ContainerRegistry {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #entries = new Map<ContainerId, ContainerEntry>();
  /** Names in use, and those of containers that are being made. */
  readonly #names = new Map<string, ContainerId>();
  /** Containers that are being made: their tombstones are for the next daemon, in case this one is killed. */
  readonly #intended = new Set<string>();
  readonly #removed: Pick<RemovalNotes, "has" | "all">;

  /** @param removed containers whose rows could not be deleted: they are gone all the same. */
  constructor(store: Store, logger: Logger, removed: Pick<RemovalNotes, "has" | "all">) {
    this.#removed = removed;
    this.#store = store;
    this.#logger = logger;
    store.migrate("container", MIGRATIONS);
    for (const row of store.prepare("SELECT id, record, state FROM containers").all()) {
      if (!removed.has(String(row["id"]))) this.#load(row);
    }
  }

  /** Every container, newest first. */
  all(): ContainerEntry[] {
    // Decimal texts of one length, up to the year 2286.
    return [...this.#entries.values()].sort((a, b) => (a.record.createdAt < b.record.createdAt ? 1 : -1));
  }

  get(id: string): ContainerEntry | undefined {
    return this.#entries.get(id as ContainerId); // a key that is no id finds nothing
  }

  byName(name: string): ContainerEntry | undefined {
    const id = this.#names.get(name);
    return id === undefined ? undefined : this.#entries.get(id);
  }

  /**
   * The container of a full id, a name (with or without slash; of its own or by a link) or an unambiguous prefix of an id,
   * in this order.
   * @throws not-found `No such container: REF`; invalid when several ids begin so.
   */
  resolve(ref: string): ContainerEntry {
    const name = ref.replace(/^\//, "");
    const exact = this.get(ref) ?? this.byName(name) ?? this.#byLink(name);
    if (exact !== undefined) return exact;
    if (!/^[0-9a-f]+$/.test(ref)) throw noSuchContainer(ref);
    let found: ContainerEntry | undefined;
    for (const [id, entry] of this.#entries) {
      if (!id.startsWith(ref)) continue;
      if (found !== undefined) throw ambiguous(ref);
      found = entry;
    }
    if (found === undefined) throw noSuchContainer(ref);
    return found;
  }

  #byLink(name: string): ContainerEntry | undefined {
    const [holder = "", alias] = name.split("/");
    const from = alias === undefined ? undefined : this.byName(holder);
    const link = from && linksOf(from.record).find((one) => one.alias === alias);
    return link && this.byName(link.target);
  }

  /** The same, or nothing when there is none or more than one. */
  find(ref: string): ContainerEntry | undefined {
    try {
      return this.resolve(ref);
    } catch {
      return undefined;
    }
  }

  nameIsFree(name: string): boolean {
    return !this.#names.has(name);
  }

  /**
   * Keeps a name for a container that is being made. `release` gives it back unless `insert` or `rename` used it.
   * @throws conflict when it is taken.
   */
  reserveName(name: string, id: ContainerId): Disposable {
    const holder = this.#names.get(name);
    if (holder !== undefined) throw nameInUse(name, holder);
    this.#names.set(name, id);
    return {
      [Symbol.dispose]: () => {
        const used = this.#entries.get(id)?.name === name;
        if (!used && this.#names.get(name) === id) this.#names.delete(name);
      },
    };
  }

  /** Notes anonymous volumes before they are made: a daemon killed before the container's row is there removes them. */
  intend(id: ContainerId, volumes: readonly string[]): void {
    this.#intended.add(id);
    this.#store.transaction(
      () =>
        this.#store
          .prepare("INSERT OR REPLACE INTO container_tombstones (id, volumes) VALUES (?, ?)")
          .run(id, JSON.stringify(volumes)),
      { durable: false },
    );
  }

  /** Stores a new container under its reserved name; `within` joins the transaction. */
  insert(record: ContainerRecord, options: { durable: boolean }, within: () => void): ContainerEntry {
    this.#store.transaction(() => {
      this.#freeNames();
      within();
      this.#store
        .prepare("INSERT INTO containers (id, name, record, state) VALUES (?, ?, ?, ?)")
        .run(record.id, record.name, JSON.stringify(record), JSON.stringify(NEW_STATE));
      this.#store.prepare("DELETE FROM container_tombstones WHERE id = ?").run(record.id);
    }, options);
    this.#intended.delete(record.id);
    const entry = new ContainerEntry(record, NEW_STATE, new PendingAttachments());
    this.#entries.set(record.id, entry);
    this.#names.set(record.name, record.id);
    return entry;
  }

  /** Stores a changed record (rename, update, network connect), and those of others that change with it. Durable. */
  saveRecord(
    entry: ContainerEntry,
    record: ContainerRecord,
    others: ReadonlyMap<ContainerEntry, ContainerRecord> = new Map(),
  ): void {
    this.#store.transaction(() => {
      this.#freeNames();
      const update = this.#store.prepare("UPDATE containers SET name = ?, record = ? WHERE id = ?");
      for (const changed of [record, ...others.values()]) update.run(changed.name, JSON.stringify(changed), changed.id);
    });
    for (const [other, changed] of others) other.record = changed;
    if (entry.name !== record.name) {
      this.#names.delete(entry.name);
      this.#names.set(record.name, record.id);
    }
    entry.record = record;
  }

  /**
   * Keeps what has happened to a container, like `saveState`. A full disk is no reason to lose track of it: memory is
   * right then, and boot asks the shim again.
   */
  noteState(entry: ContainerEntry, change: Partial<RunState>): void {
    try {
      this.saveState(entry, change);
    } catch (error) {
      this.#logger.error("a container's state was not stored", { container: entry.id, error: messageOf(error) });
    }
  }

  /** Stores a changed run state, unsynced. */
  saveState(entry: ContainerEntry, change: Partial<RunState>): void {
    entry.state = { ...entry.state, ...change };
    this.#store.transaction(
      () =>
        this.#store.prepare("UPDATE containers SET state = ? WHERE id = ?").run(JSON.stringify(entry.state), entry.id),
      { durable: false },
    );
  }

  /**
   * The logical removal: row and name go, a tombstone stands until the physical one is done.
   * @param options `durable`: synced.
   */
  remove(entry: ContainerEntry, tombstone: Tombstone, options: { durable: boolean }, within: () => void): void {
    this.erase(tombstone, options, within);
    this.forget(entry);
  }

  /** The same of a container that is in memory no more. */
  erase({ id, volumes, record }: Tombstone, options: { durable: boolean }, within: () => void): void {
    this.#store.transaction(() => {
      within();
      this.#store.prepare("DELETE FROM containers WHERE id = ?").run(id);
      this.#store
        .prepare("INSERT OR IGNORE INTO container_tombstones (id, volumes, record) VALUES (?, ?, ?)")
        .run(id, JSON.stringify(volumes), record === undefined ? null : JSON.stringify(record));
    }, options);
  }

  /** A row that could not be deleted may have the name that is given now. */
  #freeNames(): void {
    for (const { id, volumes } of this.#removed.all()) {
      this.erase({ id, volumes, record: undefined }, { durable: true }, () => undefined);
    }
  }

  /** Nobody finds it any more; its row is still there. */
  forget(entry: ContainerEntry): void {
    this.#entries.delete(entry.id);
    if (this.#names.get(entry.name) === entry.id) this.#names.delete(entry.name);
  }

  /** Removed containers whose files may still be there, and what an earlier daemon was killed in the middle of making. */
  tombstones(): Tombstone[] {
    return this.#store
      .prepare("SELECT id, volumes, record FROM container_tombstones")
      .all()
      .map(({ id, volumes, record }) => ({
        id: String(id),
        // Both texts were written by erase from values of these types.
        volumes: JSON.parse(String(volumes)) as string[],
        record: typeof record === "string" ? (JSON.parse(record) as ContainerRecord) : undefined,
      }))
      .filter(({ id }) => !this.#intended.has(id));
  }

  buried(id: string): void {
    this.#intended.delete(id);
    this.#store.transaction(() => this.#store.prepare("DELETE FROM container_tombstones WHERE id = ?").run(id), {
      durable: false,
    });
  }

  #load(row: Record<string, unknown>): void {
    try {
      const id = parseContainerId(String(row["id"]));
      // Both texts were written by this class from values of these types.
      const record = JSON.parse(String(row["record"])) as ContainerRecord;
      const state = JSON.parse(String(row["state"])) as RunState;
      this.#entries.set(id, new ContainerEntry(record, state, new PendingAttachments()));
      this.#names.set(record.name, id);
    } catch (error) {
      this.#logger.error("a container's row cannot be read and is left alone", {
        container: String(row["id"]),
        error: String(error),
      });
    }
  }
}
