import type { Store } from "../store/index.ts";
import { hasChildren, hasParent, noSnapshot, parentNotCommitted, snapshotExists } from "./errors.ts";

/** What is known of a snapshot; `id` names its directory. */
export interface Row {
  name: string;
  id: string;
  kind: "active" | "committed";
  parent: string | undefined;
}

const MIGRATIONS = [
  `CREATE TABLE snapshots (
     driver TEXT NOT NULL,
     name TEXT NOT NULL,
     id TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL CHECK (kind IN ('active', 'committed')),
     parent TEXT,
     PRIMARY KEY (driver, name)
   ) STRICT`,
];

/**
 * The rows of one driver's snapshots: in memory for reading, in the store for the next boot. The commits are not synced:
 * a container's or image's own row, which is, comes later in the same log and takes them along.
 */
export class Rows {
  readonly #store: Store;
  readonly #driver: string;
  readonly #rows = new Map<string, Row>();
  readonly #children = new Map<string, Set<string>>();

  constructor(store: Store, driver: string) {
    this.#store = store;
    this.#driver = driver;
    store.migrate("snapshot", MIGRATIONS);
    for (const stored of store.prepare("SELECT name, id, kind, parent FROM snapshots WHERE driver = ?").all(driver)) {
      this.#keep({
        name: String(stored["name"]),
        id: String(stored["id"]),
        kind: stored["kind"] === "committed" ? "committed" : "active",
        parent: stored["parent"] === null ? undefined : String(stored["parent"]),
      });
    }
  }

  has(name: string): boolean {
    return this.#rows.has(name);
  }

  /** @throws not-found. */
  get(name: string): Row {
    const row = this.#rows.get(name);
    if (row === undefined) throw noSnapshot(name);
    return row;
  }

  all(): Row[] {
    return [...this.#rows.values()];
  }

  /** The ancestors, nearest first. */
  ancestors(row: Row): Row[] {
    const found: Row[] = [];
    for (let parent = row.parent; parent !== undefined;) {
      const next = this.get(parent);
      found.push(next);
      parent = next.parent;
    }
    return found;
  }

  /** A row to be, checked: added with `add` once its directory stands. @throws not-found, conflict. */
  check(name: string, parent: string | undefined): void {
    if (this.has(name)) throw snapshotExists(name);
    if (parent !== undefined && this.get(parent).kind !== "committed") throw parentNotCommitted(parent);
  }

  /** @throws as check. */
  add(row: Row): void {
    this.check(row.name, row.parent);
    this.#write(
      "INSERT INTO snapshots (driver, name, id, kind, parent) VALUES (?, ?, ?, ?, ?)",
      this.#driver,
      row.name,
      row.id,
      row.kind,
      row.parent ?? null,
    );
    this.#keep(row);
  }

  /** The row as it will be over a parent that is known only now. @throws not-found, conflict. */
  upon(name: string, parent: string): Row {
    const row = this.get(name);
    if (row.parent !== undefined) throw hasParent(name, row.parent);
    if (this.get(parent).kind !== "committed") throw parentNotCommitted(parent);
    return { ...row, parent };
  }

  /** Makes the active `key` the committed `name`, over `parent` if that is known only now. @throws conflict, as `upon`. */
  commit(key: string, name: string, parent?: string): void {
    if (this.has(name)) throw snapshotExists(name);
    const old = this.get(key);
    const row = parent === undefined ? old : this.upon(key, parent);
    this.#write(
      "UPDATE snapshots SET name = ?, kind = 'committed', parent = ? WHERE driver = ? AND name = ?",
      name,
      row.parent ?? null,
      this.#driver,
      key,
    );
    this.#drop(old);
    this.#keep({ ...row, name, kind: "committed" });
  }

  /** @throws not-found; conflict while it has children. */
  remove(name: string): Row {
    const row = this.get(name);
    const child = this.#children.get(name)?.values().next().value;
    if (child !== undefined) throw hasChildren(name, child);
    this.#write("DELETE FROM snapshots WHERE driver = ? AND name = ?", this.#driver, name);
    this.#drop(row);
    return row;
  }

  #write(sql: string, ...values: (string | null)[]): void {
    this.#store.transaction(() => this.#store.prepare(sql).run(...values), { durable: false });
  }

  #keep(row: Row): void {
    this.#rows.set(row.name, row);
    if (row.parent === undefined) return;
    const siblings = this.#children.get(row.parent) ?? new Set();
    this.#children.set(row.parent, siblings.add(row.name));
  }

  #drop(row: Row): void {
    this.#rows.delete(row.name);
    if (row.parent === undefined) return;
    const siblings = this.#children.get(row.parent);
    siblings?.delete(row.name);
    if (siblings?.size === 0) this.#children.delete(row.parent);
  }
}
