import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../base/index.ts";
import { busy, damaged } from "./errors.ts";

/** `berth` in ASCII without its vowel: marks the file as ours (SQLite's application_id). */
const APPLICATION_ID = 0x62727468;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/**
 * What can be read of a database on a file system that is read-only: SQLite cannot open one that has a log there, so it is
 * a copy, which takes no changes. Nobody else writes to the original: the data root is locked, and read-only.
 * @param folder on another file system; made anew.
 */
export function openCopy(path: string, folder: string): DatabaseSync {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const copy = join(folder, basename(path));
  for (const end of ["", "-wal"]) if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, `${copy}${end}`);
  const db = openDatabase(copy);
  db.exec("PRAGMA query_only = ON");
  return db;
}

/**
 * Opens or makes the database file, mode 0600, in WAL mode, and checks it.
 * @throws data-loss when the file is damaged or belongs to another program; unavailable when another process holds it.
 */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    chmodSync(path, 0o600);
    // One daemon owns the file: exclusive locking refuses a second one and spares the shared memory file.
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON");
    check(db, path);
    claim(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw asStoreError(path, error);
  }
}

function check(db: DatabaseSync, path: string): void {
  const verdict = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (verdict !== "ok") throw damaged(path, String(verdict));
}

function claim(db: DatabaseSync, path: string): void {
  const id = db.prepare("PRAGMA application_id").get()?.["application_id"];
  if (id === APPLICATION_ID) return;
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
  if (id !== 0 || tables !== 0) throw damaged(path, "it belongs to another program");
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

/** Whether a statement failed because the disk is full. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === SQLITE_FULL;
}

/** Whether a statement failed because the file cannot be written. */
export function isUnwritable(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE_READONLY || code === SQLITE_IOERR;
}

/** Whether it is SQLite that knows that the file cannot be written. */
export function saysReadOnly(error: unknown): boolean {
  return resultCode(error) === SQLITE_READONLY;
}

/** SQLite's primary result code of an error of node:sqlite. */
function resultCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
}

function asStoreError(path: string, error: unknown): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  return code === SQLITE_BUSY ? busy(path, error) : damaged(path, messageOf(error), error);
}
