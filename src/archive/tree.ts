import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import { AT_FDCWD, type Native } from "../sys/index.ts";
import { toKernel } from "./byte-string.ts";
import { openDirectory } from "./directories.ts";
import { removal, removeTree } from "./remove-tree.ts";
import type { DirectoryRef } from "./types.ts";
import { isDirectory, namesIn, walk } from "./walk.ts";

/**
 * Apparent bytes of what is beneath, hard links once, and the number of inodes: as `docker system df` counts. Nothing when
 * the tree is gone: who adds up many sizes comes upon things that are removed meanwhile.
 */
export function usage(native: Native, root: DirectoryRef): { bytes: number; inodes: number } {
  try {
    return usageOf(native, root);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { bytes: 0, inodes: 0 };
    throw error;
  }
}

function usageOf(native: Native, root: DirectoryRef): { bytes: number; inodes: number } {
  const seen = new Set<string>();
  let bytes = 0;
  let inodes = 1;
  for (const { status } of walk(native, root)) {
    if (!isDirectory(status) && status.nlink > 1) {
      const inode = `${status.devMajor}:${status.devMinor}:${status.ino}`;
      if (seen.has(inode)) continue;
      seen.add(inode);
    }
    inodes++;
    if (!isDirectory(status)) bytes += Number(status.size);
  }
  return { bytes, inodes };
}

/** Removes what the host path names, a link itself and not its target; in steps. */
export function removePath(native: Native, path: string): Iterable<void> {
  return removal(native, AT_FDCWD, path);
}

/** Removes what is in a directory, which itself stays. */
export function emptyDirectory(native: Native, directory: DirectoryRef): undefined {
  const fd = openDirectory(native, directory);
  try {
    for (const name of namesIn(native, fd)) removeTree(native, fd, toKernel(name));
  } finally {
    closeSync(fd);
  }
  return undefined;
}
