/** One SQLite file (node:sqlite, WAL). Services own their tables and register their migrations by name. */

export type SqlValue = string | number | bigint | null | Uint8Array;
export type Row = Record<string, SqlValue>;

export interface Statement {
  run(...values: SqlValue[]): { changes: number };
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
}

export interface Store extends Disposable {
  /** Applies the migrations of `owner` that are not applied yet, in order, in one transaction. */
  migrate(owner: string, migrations: readonly string[]): void;
  /** A prepared statement, cached by its text. */
  prepare(sql: string): Statement;
  /**
   * Runs `work` in one transaction; rolls back when it throws. `durable` (the default) syncs the commit before
   * returning: for what a client is told of. `durable: false` is for run-state that boot reads back from the shims.
   * `reserve: false` is for what can be lost on a full disk: it leaves the room that is kept for then to the rest.
   */
  transaction<T>(work: () => T, options?: { durable?: boolean; reserve?: boolean }): T;
}
