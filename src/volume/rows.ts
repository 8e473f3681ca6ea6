import type { Store } from "../store/index.ts";

/** A volume as it is recorded. */
export interface VolumeRow {
  name: string;
  driver: string;
  /** As they were sent: none is not the same as an empty list. */
  options: Record<string, string> | undefined;
  labels: Record<string, string> | undefined;
  anonymous: boolean;
  /** Nanoseconds since 1970. */
  created: bigint;
  /** `removing`: gone for everybody, the directory is not yet. */
  state: "present" | "removing";
  /** The image's content is being copied in; found at boot, that was cut off. */
  copying: boolean;
}

const MIGRATIONS = [
  `CREATE TABLE volumes (
     name TEXT PRIMARY KEY,
     driver TEXT NOT NULL,
     options TEXT,
     labels TEXT,
     anonymous INTEGER NOT NULL,
     created TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('present', 'removing')),
     copying INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE volume_users (
     volume TEXT NOT NULL REFERENCES volumes (name) ON DELETE CASCADE,
     container TEXT NOT NULL,
     PRIMARY KEY (volume, container)
   ) STRICT`,
];

/** Volumes and who uses them: in memory for reading, in the store durably. */
export class VolumeRows {
  readonly #store: Store;
  readonly #rows = new Map<string, VolumeRow>();
  readonly #users = new Map<string, Set<string>>();

  constructor(store: Store) {
    this.#store = store;
    store.migrate("volume", MIGRATIONS);
    for (const stored of store.prepare("SELECT * FROM volumes").all()) {
      const row = parse(stored);
      this.#rows.set(row.name, row);
    }
    for (const stored of store.prepare("SELECT volume, container FROM volume_users").all()) {
      this.#usersOf(String(stored["volume"])).add(String(stored["container"]));
    }
  }

  /** A volume that is there. */
  get(name: string): VolumeRow | undefined {
    const row = this.#rows.get(name);
    return row?.state === "present" ? row : undefined;
  }

  present(): VolumeRow[] {
    return [...this.#rows.values()].filter((row) => row.state === "present");
  }

  removing(): VolumeRow[] {
    return [...this.#rows.values()].filter((row) => row.state === "removing");
  }

  /** Also one that is being removed. */
  isRecorded(name: string): boolean {
    return this.#rows.has(name);
  }

  insert(row: VolumeRow): void {
    this.#store.transaction(() =>
      this.#store
        .prepare(
          "INSERT INTO volumes (name, driver, options, labels, anonymous, created, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .run(
          row.name,
          row.driver,
          row.options === undefined ? null : JSON.stringify(row.options),
          row.labels === undefined ? null : JSON.stringify(row.labels),
          row.anonymous ? 1 : 0,
          String(row.created),
          row.state,
        ),
    );
    this.#rows.set(row.name, row);
  }

  markRemoving(name: string): void {
    this.#store.transaction(() =>
      this.#store.prepare("UPDATE volumes SET state = 'removing' WHERE name = ?").run(name),
    );
    const row = this.#rows.get(name);
    if (row !== undefined) row.state = "removing";
  }

  /** A boot finds the row again if this is lost, and removes it again. */
  delete(name: string): void {
    this.#store.transaction(() => this.#store.prepare("DELETE FROM volumes WHERE name = ?").run(name), {
      durable: false,
    });
    this.#rows.delete(name);
    this.#users.delete(name);
  }

  markCopying(name: string, copying: boolean): void {
    this.#store.transaction(
      () => this.#store.prepare("UPDATE volumes SET copying = ? WHERE name = ?").run(copying ? 1 : 0, name),
      { durable: false },
    );
    const row = this.#rows.get(name);
    if (row !== undefined) row.copying = copying;
  }

  addUser(name: string, container: string): void {
    this.#store.transaction(() =>
      this.#store.prepare("INSERT OR IGNORE INTO volume_users (volume, container) VALUES (?, ?)").run(name, container),
    );
    this.#usersOf(name).add(container);
  }

  removeUser(name: string, container: string): void {
    this.#store.transaction(() =>
      this.#store.prepare("DELETE FROM volume_users WHERE volume = ? AND container = ?").run(name, container),
    );
    this.#users.get(name)?.delete(container);
  }

  users(name: string): string[] {
    return [...(this.#users.get(name) ?? [])];
  }

  #usersOf(name: string): Set<string> {
    let users = this.#users.get(name);
    if (users === undefined) {
      users = new Set();
      this.#users.set(name, users);
    }
    return users;
  }
}

function parse(stored: Record<string, unknown>): VolumeRow {
  return {
    name: String(stored["name"]),
    driver: String(stored["driver"]),
    options: textMap(stored["options"]),
    labels: textMap(stored["labels"]),
    anonymous: stored["anonymous"] === 1,
    created: BigInt(String(stored["created"])),
    state: stored["state"] === "removing" ? "removing" : "present",
    copying: stored["copying"] === 1,
  };
}

function textMap(json: unknown): Record<string, string> | undefined {
  const value: unknown = typeof json === "string" ? JSON.parse(json) : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}
