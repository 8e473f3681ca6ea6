import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import { AT_EMPTY_PATH, AT_FDCWD, type Native, O_DIRECTORY, O_NOFOLLOW, RESOLVE_IN_ROOT } from "../sys/index.ts";
import { baseOf, joinPath, parentOf, toKernel } from "./byte-string.ts";
import type { ByteString, DirectoryRef } from "./types.ts";

/** Descriptors that are kept open at once. */
const KEPT = 64;
/** Docker's mode of a directory that only its content names. */
const IMPLIED_MODE = 0o755;

/**
 * Directories beneath one root by path, kept open while they are in use. Links in the way are followed as a process
 * chrooted to the root would (RESOLVE_IN_ROOT): they cannot lead out of it, whatever is swapped meanwhile.
 */
export class Directories implements Disposable {
  readonly #native: Native;
  readonly #root: number;
  readonly #base: ByteString;
  readonly #open = new Map<ByteString, number>();

  /** Paths count from `base` within the root; links from the root. */
  constructor(native: Native, root: number, base: ByteString = "") {
    this.#native = native;
    this.#root = root;
    this.#base = base;
  }

  /** The directory, made with its parents when it is missing. Owned by this; valid until the next but one call. */
  ensure(path: ByteString): number {
    return this.#kept(path) ?? this.#keep(path, this.#find(path) ?? this.#make(path));
  }

  /** The directory, or undefined when there is none. Owned by this; valid until the next but one call. */
  find(path: ByteString): number | undefined {
    const kept = this.#kept(path);
    if (kept !== undefined) return kept;
    const fd = this.#find(path);
    return fd === undefined ? undefined : this.#keep(path, fd);
  }

  /** Must be called when a directory or link was removed: what is kept may have been reached through it. */
  forget(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.forget();
  }

  /** Moves what is used to the end, so that the two directories of one link call never push each other out. */
  #kept(path: ByteString): number | undefined {
    const fd = this.#open.get(path);
    if (fd === undefined) return undefined;
    this.#open.delete(path);
    this.#open.set(path, fd);
    return fd;
  }

  #find(path: ByteString): number | undefined {
    try {
      return openInRoot(this.#native, this.#root, joinPath(this.#base, path), O_DIRECTORY);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  #make(path: ByteString): number {
    if (path === "") throw Object.assign(new Error(`no directory ${this.#base}`), { code: "ENOENT" });
    const parent = this.ensure(parentOf(path));
    const name = toKernel(baseOf(path));
    try {
      this.#native.mkdirat(parent, name, IMPLIED_MODE);
    } catch (error) {
      // A link to nowhere: a chrooted mkdir -p would fail, too.
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    const fd = this.#native.openat2(parent, name, O_DIRECTORY | O_NOFOLLOW, 0, 0);
    try {
      this.#native.fchownat(fd, "", 0, 0, AT_EMPTY_PATH);
      this.#native.fchmodat(fd, "", IMPLIED_MODE, AT_EMPTY_PATH);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  #keep(path: ByteString, fd: number): number {
    if (this.#open.size >= KEPT) {
      const oldest = this.#open.entries().next().value;
      if (oldest !== undefined) {
        this.#open.delete(oldest[0]);
        closeSync(oldest[1]);
      }
    }
    this.#open.set(path, fd);
    return fd;
  }
}

const TRIES = 1000;

/** Opens a path as a process chrooted to the root would see it. The caller closes it. */
export function openInRoot(native: Native, root: number, path: ByteString, flags: number): number {
  for (let left = TRIES; ; left--) {
    try {
      return native.openat2(root, path === "" ? "." : toKernel(path), flags, 0, RESOLVE_IN_ROOT);
    } catch (error) {
      // openat2(2): a rename elsewhere made it impossible to tell whether `..` stayed inside; ask again.
      if (errnoOf(error) !== "EAGAIN" || left === 0) throw error;
    }
  }
}

/** Opens a directory, which the daemon has chosen: links in its path are followed. The caller closes it. */
export function openDirectory(native: Native, directory: DirectoryRef, flags = 0): number {
  if ("fd" in directory) return native.openat2(directory.fd, ".", O_DIRECTORY | flags, 0, 0);
  return native.openat2(AT_FDCWD, directory.path, O_DIRECTORY | flags, 0, 0);
}

/** A path through a descriptor, for calls that know no descriptor. */
export function throughFd(fd: number, name: ByteString = ""): Buffer {
  return Buffer.from(name === "" ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`, "latin1");
}
