import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { isFull } from "./open.ts";

/**
 * Room for the time when the disk has none: free pages within the database, and a log (the WAL) that is long enough to be
 * written over. Nobody but the database can use it up, whatever fills the disk. Enough for some hundred removals.
 */
const SIZE = 512 * 1024;
/** Of the log; one without a header is empty to SQLite, and is written over from its begin. */
const HEADER_SIZE = 32;

const logOf = (path: string) => `${path}-wal`;
/** Where the log is while no daemon runs, since SQLite removes its own when it closes the database. */
const keptLogOf = (path: string) => `${path}-reserve`;

/** Before the database is opened: its log is the one that was kept, when there is no other. */
export function takeKeptLog(path: string): void {
  const kept = keptLogOf(path);
  if (!existsSync(kept)) return;
  if (existsSync(logOf(path))) return rmSync(kept);
  makeEmpty(kept);
  renameSync(kept, logOf(path));
}

/** Takes the room where it is not there yet and the disk has it. */
export function reserveRoom(db: DatabaseSync, path: string): void {
  const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  const log = statSync(logOf(path), { throwIfNoEntry: false });
  const enough = SIZE / 2;
  if (log !== undefined && log.size >= enough && pragma("freelist_count") * pragma("page_size") >= enough) return;
  if (isTight(path)) return;
  try {
    // Its pages are free from then on; what a killed daemon left of it is dropped first.
    db.exec(`DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (room BLOB);
      INSERT INTO reserve VALUES (zeroblob(${SIZE})); DROP TABLE reserve`);
    useLogAgain(db);
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/**
 * Brings what is in the log into the database, so that the log is written over instead of growing; false when the database
 * has no room for that.
 */
export function useLogAgain(db: DatabaseSync): boolean {
  try {
    db.exec("PRAGMA wal_checkpoint(RESTART)");
    return true;
  } catch (error) {
    if (!isFull(error)) throw error;
    return false;
  }
}

/** Whether the disk has hardly any room but what is reserved. */
export function isTight(path: string): boolean {
  const { bfree, bsize } = statfsSync(dirname(path));
  return bfree * bsize < 2 * SIZE;
}

/** Closes the database, and keeps the room of its log. */
export function closeKeepingLog(db: DatabaseSync, path: string): void {
  const kept = keptLogOf(path);
  try {
    rmSync(kept, { force: true });
    linkSync(logOf(path), kept);
  } catch {
    // A file system without links or without room: the next start takes room anew.
  }
  db.close();
  if (!existsSync(kept)) return;
  // What SQLite leaves there it still needs.
  if (existsSync(logOf(path))) rmSync(kept);
  else makeEmpty(kept);
}

function makeEmpty(log: string): void {
  const fd = openSync(log, "r+");
  try {
    writeSync(fd, Buffer.alloc(HEADER_SIZE), 0, HEADER_SIZE, 0);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
