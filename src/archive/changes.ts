import { closeSync } from "node:fs";
import {
  type FileStatus,
  type Native,
  O_NOFOLLOW,
  O_PATH,
  AT_EMPTY_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  O_DIRECTORY,
} from "../sys/index.ts";
import { errnoOf } from "../base/index.ts";
import { compareBytes, joinPath, parentOf, toKernel, toText } from "./byte-string.ts";
import { openDirectory } from "./directories.ts";
import { hasFileCapabilities, isOverlayOpaque, isOverlayWhiteout } from "./tree-entry.ts";
import type { ByteString, DirectoryRef, TreeChange } from "./types.ts";
import { isDirectory, namesIn, walk } from "./walk.ts";

type Kind = TreeChange["kind"];

/** What an upper directory changes of what its lower ones (top first) show. Docker's rules of `docker diff`. */
export function overlayChanges(native: Native, upper: DirectoryRef, lowers: readonly DirectoryRef[]): TreeChange[] {
  using below = new LowerTrees(native, lowers);
  const changes = new Changes();
  for (const { directory, name, path, status } of walk(native, upper)) {
    if (isOverlayWhiteout(status)) {
      changes.add(path, "deleted");
      continue;
    }
    const before = below.find(path);
    if (before === undefined) {
      changes.add(path, "added");
    } else if (isDifferent(before, status) || hasFileCapabilities(native, directory, name)) {
      // What was only opened for writing, or linked, is here too, as it was.
      changes.add(path, "modified");
    }
    if (before !== undefined && isDirectory(status) && isOverlayOpaque(native, directory, name)) {
      const own = new Set(childrenOf(native, directory, name));
      for (const child of below.children(path)) if (!own.has(child)) changes.add(joinPath(path, child), "deleted");
    }
  }
  return changes.sorted();
}

/** What has changed between two whole trees. */
export function treeChanges(native: Native, before: DirectoryRef | undefined, after: DirectoryRef): TreeChange[] {
  const changes = new Changes();
  const old = new Map<ByteString, FileStatus>();
  if (before !== undefined) for (const { path, status } of walk(native, before)) old.set(path, status);
  for (const { path, status } of walk(native, after)) {
    const was = old.get(path);
    old.delete(path);
    if (was === undefined) changes.add(path, "added");
    else if (isDifferent(was, status)) changes.add(path, "modified");
  }
  for (const path of old.keys()) {
    // Docker names a removed directory, not what was in it.
    if (!old.has(parentOf(path))) changes.add(path, "deleted");
  }
  return changes.sorted();
}

/** Changes by path; the directories above one count as modified. */
class Changes {
  readonly #kinds = new Map<ByteString, Kind>();
  /** Directories that only what is in them has changed. */
  readonly #implied = new Set<ByteString>();

  add(path: ByteString, kind: Kind): void {
    this.#kinds.set(path, kind);
    this.#implied.delete(path);
    for (let above = parentOf(path); above !== "" && !this.#kinds.has(above); above = parentOf(above)) {
      this.#kinds.set(above, "modified");
      this.#implied.add(above);
    }
  }

  sorted(): TreeChange[] {
    return [...this.#kinds]
      .sort(([a], [b]) => compareBytes(a, b))
      .map(([path, kind]) => ({ path: `/${toText(path)}`, kind, itself: !this.#implied.has(path) }));
  }
}

function isDifferent(a: FileStatus, b: FileStatus): boolean {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return true;
  if (a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor) return true;
  // A directory's size and time follow from its content.
  return !isDirectory(b) && (a.size !== b.size || a.mtime !== b.mtime);
}

function childrenOf(native: Native, directory: number, name: ByteString): ByteString[] {
  const fd = native.openat2(directory, toKernel(name), O_DIRECTORY | O_NOFOLLOW, 0, 0);
  try {
    return namesIn(native, fd);
  } finally {
    closeSync(fd);
  }
}

/** A stack of overlay's lower directories, looked into as the kernel would. */
class LowerTrees implements Disposable {
  readonly #native: Native;
  readonly #roots: number[] = [];

  constructor(native: Native, lowers: readonly DirectoryRef[]) {
    this.#native = native;
    try {
      for (const lower of lowers) this.#roots.push(openDirectory(native, lower));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** What the path shows, or undefined when no layer has it or one hides it. */
  find(path: ByteString): FileStatus | undefined {
    for (const root of this.#roots) {
      const status = this.#status(root, path);
      if (status === "hidden") return undefined;
      if (status !== undefined) return isOverlayWhiteout(status) ? undefined : status;
      if (this.#isCutOff(root, parentOf(path))) return undefined;
    }
    return undefined;
  }

  /** The names that a directory shows. */
  children(path: ByteString): ByteString[] {
    const names = new Set<ByteString>();
    for (const root of this.#roots) {
      const fd = this.#open(root, path, O_DIRECTORY | O_NOFOLLOW);
      if (fd === "hidden") break;
      if (fd === undefined) continue;
      try {
        for (const name of namesIn(this.#native, fd)) names.add(name);
      } finally {
        closeSync(fd);
      }
    }
    return [...names].filter((name) => this.find(joinPath(path, name)) !== undefined);
  }

  [Symbol.dispose](): void {
    for (const root of this.#roots) closeSync(root);
  }

  #status(root: number, path: ByteString): FileStatus | "hidden" | undefined {
    const fd = this.#open(root, path, O_PATH | O_NOFOLLOW);
    if (fd === undefined || fd === "hidden") return fd;
    try {
      return this.#native.statx(fd, "", AT_EMPTY_PATH);
    } finally {
      closeSync(fd);
    }
  }

  /** Hidden: a parent is a file, link or whiteout here, so that lower layers cannot show through. */
  #open(root: number, path: ByteString, flags: number): number | "hidden" | undefined {
    try {
      return this.#native.openat2(root, toKernel(path), flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT") return undefined;
      if (code === "ENOTDIR" || code === "ELOOP") return "hidden";
      throw error;
    }
  }

  /** True when the directory or one above it is opaque in this layer. */
  #isCutOff(root: number, path: ByteString): boolean {
    for (let at = path; at !== ""; at = parentOf(at)) {
      const parent = this.#open(root, parentOf(at) || ".", O_DIRECTORY);
      if (typeof parent !== "number") continue;
      try {
        if (isOverlayOpaque(this.#native, parent, at.slice(at.lastIndexOf("/") + 1))) return true;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
      } finally {
        closeSync(parent);
      }
    }
    return false;
  }
}
