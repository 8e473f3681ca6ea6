import type { DatabaseSync, StatementSync } from "node:sqlite";
import { dirname } from "node:path";
import { isReadOnly, messageOf, type EngineError, type Logger } from "../base/index.ts";
import { full, newer, ReadOnlyStoreError, unwritable } from "./errors.ts";
import { isFull, isUnwritable, openCopy, openDatabase, saysReadOnly } from "./open.ts";
import { closeKeepingLog, isTight, reserveRoom, takeKeptLog, useLogAgain } from "./reserve.ts";
import type { SqlValue, Statement, Store } from "./types.ts";

/**
 * The store over one SQLite file.
 * @param options `path` of the file (made when absent, with its folder); `copy`: a folder where a copy is read when the
 * file is on a file system that is read-only, and nothing can be recorded.
 * @throws data-loss when the file is damaged, foreign or newer; unavailable when another daemon holds it.
 */
export function createStore({ path, copy, logger }: { path: string; copy?: string; logger: Logger }): Store {
  const readOnly = copy !== undefined && isReadOnly(dirname(path));
  if (!readOnly) takeKeptLog(path);
  const db = readOnly ? openCopy(path, copy) : openDatabase(path);
  logger.debug("state file is open", { path });
  return new SqliteStore(path, db, readOnly);
}

type Durability = "FULL" | "NORMAL";

class SqliteStore implements Store {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, Statement>();
  /** A copy, which takes no changes. */
  readonly #readOnly: boolean;
  #durability: Durability | undefined;
  #depth = 0;
  /** The disk was found full, and had no room since. */
  #tight = false;

  constructor(path: string, db: DatabaseSync, readOnly: boolean) {
    this.#path = path;
    this.#db = db;
    this.#readOnly = readOnly;
    if (!readOnly) reserveRoom(db, path);
    this.#setDurability("FULL");
    db.exec("CREATE TABLE IF NOT EXISTS migrations (owner TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
  }

  migrate(owner: string, migrations: readonly string[]): void {
    const row = this.prepare("SELECT version FROM migrations WHERE owner = ?").get(owner);
    const version = Number(row?.["version"] ?? 0);
    if (version > migrations.length) throw newer(this.#path, owner, version, migrations.length);
    // Nothing is written then: the file system may be read-only.
    if (version === migrations.length) return;
    this.transaction(() => {
      for (const sql of migrations.slice(version)) this.#db.exec(sql);
      this.prepare("INSERT OR REPLACE INTO migrations (owner, version) VALUES (?, ?)").run(owner, migrations.length);
    });
  }

  prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = wrap(this.#db.prepare(sql));
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  transaction<T>(work: () => T, options: { durable?: boolean; reserve?: boolean } = {}): T {
    if (this.#depth > 0) return this.#nested(work);
    if (options.reserve === false && this.#isTight()) throw full(this.#path, undefined);
    // The pragma has no effect inside a transaction, so it is set before. In WAL mode NORMAL leaves out the fsync of the
    // commit; a crash of the machine may lose it, but never damages the file.
    this.#setDurability(options.durable === false ? "NORMAL" : "FULL");
    const attempt = () => this.#inside("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", work);
    try {
      return attempt();
    } catch (error) {
      if (isUnwritable(error)) throw this.#unwritable(error);
      if (!isFull(error)) throw error;
      // On a full disk removals must still be possible: they make room. The reserve is there for them.
      this.#tight = true;
      if (options.reserve === false || !useLogAgain(this.#db)) throw full(this.#path, error);
      try {
        return attempt();
      } catch (second) {
        throw isFull(second) ? full(this.#path, second) : second;
      }
    }
  }

  #isTight(): boolean {
    this.#tight &&= isTight(this.#path);
    return this.#tight;
  }

  #unwritable(error: unknown): EngineError {
    if (this.#readOnly) {
      const why = "its file system was read-only when the daemon started, which is to be started again once it is not";
      return new ReadOnlyStoreError(this.#path, why, error);
    }
    // SQLite tells an input or output error, too, for what fails because of that.
    if (saysReadOnly(error) || isReadOnly(dirname(this.#path)))
      return new ReadOnlyStoreError(this.#path, "its file system is read-only", error);
    return unwritable(this.#path, messageOf(error), error);
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#readOnly) this.#db.close();
    else closeKeepingLog(this.#db, this.#path);
  }

  /** A transaction within one shares its fate and its durability, but can be rolled back by itself. */
  #nested<T>(work: () => T): T {
    const name = `nested_${this.#depth}`;
    return this.#inside(`SAVEPOINT ${name}`, `RELEASE ${name}`, `ROLLBACK TO ${name}; RELEASE ${name}`, work);
  }

  #inside<T>(begin: string, commit: string, rollback: string, work: () => T): T {
    this.prepare(begin).run();
    this.#depth += 1;
    try {
      const result = work();
      this.prepare(commit).run();
      return result;
    } catch (error) {
      // SQLite itself rolls back on some failures (a full disk): then there is nothing left to roll back.
      if (this.#db.isTransaction) this.#db.exec(rollback);
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  #setDurability(wanted: Durability): void {
    if (this.#durability === wanted) return;
    this.#db.exec(`PRAGMA synchronous = ${wanted}`);
    this.#durability = wanted;
  }
}

function wrap(statement: StatementSync): Statement {
  return {
    run: (...values: SqlValue[]) => ({ changes: Number(statement.run(...values).changes) }),
    get: (...values: SqlValue[]) => statement.get(...values),
    all: (...values: SqlValue[]) => statement.all(...values),
  };
}
