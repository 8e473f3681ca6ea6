import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  type FileStatus,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  S_IFDIR,
  S_IFMT,
} from "../sys/index.ts";
import { compareBytes, fromBytes, joinPath, toKernel } from "./byte-string.ts";
import { openDirectory } from "./directories.ts";
import type { ByteString, DirectoryRef } from "./types.ts";

/** What a walk comes by. `directory` is the open parent, valid until the next step. */
export interface Visit {
  directory: number;
  name: ByteString;
  /** From the walk's root, which itself is not visited. */
  path: ByteString;
  status: FileStatus;
}

interface Level {
  fd: number;
  path: ByteString;
  names: ByteString[];
  next: number;
}

/**
 * Everything beneath a directory, parents first, names in byte order, links not followed. What vanishes meanwhile is left
 * out. `enter` may keep the walk out of a directory.
 */
export function* walk(
  native: Native,
  root: DirectoryRef,
  enter: (visit: Visit) => boolean = () => true,
): Generator<Visit> {
  const levels: Level[] = [level(native, openDirectory(native, root), "")];
  try {
    for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
      const name = top.names[top.next++];
      if (name === undefined) {
        levels.pop();
        closeSync(top.fd);
        continue;
      }
      const status = statusOf(native, top.fd, name);
      if (status === undefined) continue;
      const visit = { directory: top.fd, name, path: joinPath(top.path, name), status };
      yield visit;
      if (!isDirectory(status) || !enter(visit)) continue;
      const fd = openInner(native, top.fd, name);
      if (fd !== undefined) levels.push(level(native, fd, visit.path));
    }
  } finally {
    for (const open of levels) closeSync(open.fd);
  }
}

export function isDirectory(status: FileStatus): boolean {
  return (status.mode & S_IFMT) === S_IFDIR;
}

/** lstat by descriptor; undefined when there is none. */
export function statusOf(native: Native, directory: number, name: ByteString): FileStatus | undefined {
  try {
    return native.statx(directory, toKernel(name), AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** All names of an open directory, in the file system's order. */
export function namesIn(native: Native, fd: number): ByteString[] {
  const names: ByteString[] = [];
  for (let entries = native.getdents(fd); entries !== undefined; entries = native.getdents(fd)) {
    for (const entry of entries) names.push(fromBytes(entry.name));
  }
  return names;
}

/** ENOTDIR: a parent was replaced; ELOOP: the name became a link. */
export function isGone(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

function level(native: Native, fd: number, path: ByteString): Level {
  try {
    return { fd, path, names: namesIn(native, fd).sort(compareBytes), next: 0 };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openInner(native: Native, directory: number, name: ByteString): number | undefined {
  try {
    return native.openat2(directory, toKernel(name), O_DIRECTORY | O_NOFOLLOW, 0, 0);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
