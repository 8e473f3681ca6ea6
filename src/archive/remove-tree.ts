import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import {
  AT_REMOVEDIR,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  type PathLike,
  RENAME_NOREPLACE,
  RESOLVE_NO_XDEV,
} from "../sys/index.ts";

const DT_DIR = 4;
const DT_UNKNOWN = 0;

/**
 * Removes a name and all beneath it, by descriptors and without following links. Depth costs no stack and a
 * bounded number of descriptors. What is gone already is fine; another file system mounted there is not entered.
 */
export function removeTree(native: Native, directory: number, name: PathLike): void {
  const steps = removal(native, directory, name);
  while (steps.next().done !== true);
}

/** The same in small steps: who stops between two leaves the rest. */
export function* removal(native: Native, directory: number, name: PathLike): Generator<void, undefined> {
  if (!unlinkFile(native, directory, name)) yield* removeDirectory(native, directory, name);
}

/** True when the name is gone; false when it is a directory. */
function unlinkFile(native: Native, directory: number, name: PathLike): boolean {
  try {
    native.unlinkat(directory, name, 0);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return true;
    if (code === "EISDIR") return false;
    throw error;
  }
}

/** Levels that are open at once; what is deeper is moved up to the top first. */
const MAX_OPEN = 200;

interface Level {
  fd: number;
  /** Names of directories that are still to be removed. */
  pending: PathLike[];
}

function* removeDirectory(native: Native, directory: number, name: PathLike): Generator<void, undefined> {
  const levels: Level[] = [];
  try {
    const top = yield* empty(native, directory, name, 0);
    if (top === undefined) return;
    levels.push(top);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const next = level.pending.at(-1);
      if (next === undefined) {
        closeSync(level.fd);
        levels.pop();
        const parent = levels.at(-1);
        const removed = parent === undefined ? name : (parent.pending.pop() ?? name);
        removeEmpty(native, parent?.fd ?? directory, removed);
        continue;
      }
      if (levels.length >= MAX_OPEN && top !== level) {
        level.pending.pop();
        hoist(native, level.fd, next, top);
        continue;
      }
      const inner = yield* empty(native, level.fd, next, RESOLVE_NO_XDEV);
      if (inner === undefined) level.pending.pop();
      else levels.push(inner);
    }
  } finally {
    for (const level of levels) closeSync(level.fd);
  }
}

let hoisted = 0;

function hoist(native: Native, from: number, name: PathLike, top: Level): void {
  const fresh = `.removed-${process.pid}-${hoisted++}`;
  native.renameat2(from, name, top.fd, fresh, RENAME_NOREPLACE);
  top.pending.unshift(fresh);
}

/** Unlinks the files of a directory and gives its directories; undefined when it is not there. */
function* empty(native: Native, parent: number, name: PathLike, resolve: number): Generator<void, Level | undefined> {
  let fd: number;
  try {
    fd = native.openat2(parent, name, O_DIRECTORY | O_NOFOLLOW, 0, resolve);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  let level: Level | undefined;
  try {
    const pending: PathLike[] = [];
    for (let entries = native.getdents(fd); entries !== undefined; entries = native.getdents(fd)) {
      for (const entry of entries) {
        if (entry.type === DT_DIR) pending.push(entry.name);
        else if (!unlinkFile(native, fd, entry.name) && entry.type === DT_UNKNOWN) pending.push(entry.name);
        yield;
      }
    }
    level = { fd, pending };
    return level;
  } finally {
    if (level === undefined) closeSync(fd);
  }
}

function removeEmpty(native: Native, parent: number, name: PathLike): void {
  try {
    native.unlinkat(parent, name, AT_REMOVEDIR);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
