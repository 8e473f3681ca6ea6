import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  type PathLike,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
} from "../sys/index.ts";
import { baseOf, joinPath, parentOf, toKernel, toText } from "./byte-string.ts";
import type { Directories } from "./directories.ts";
import { invalidWhiteout } from "./errors.ts";
import { OVERLAY_OPAQUE, type Owner } from "./metadata.ts";
import { removeTree } from "./remove-tree.ts";
import type { TarEntry } from "./tar-format.ts";
import type { ByteString } from "./types.ts";
import { namesIn } from "./walk.ts";

/** OCI image spec, layer.md, "Whiteouts". Names with the doubled prefix belonged to aufs; only the opaque one lives on. */
export const WHITEOUT_PREFIX = ".wh.";
export const WHITEOUT_META = ".wh..wh.";
export const WHITEOUT_OPAQUE = ".wh..wh..opq";

/**
 * What a layer's whiteouts do in its target. They hide what is *below* the layer, never what the layer itself brings,
 * whichever comes first in the archive.
 */
export class Whiteouts {
  readonly #native: Native;
  readonly #directories: Directories;
  readonly #mode: "overlay" | "apply" | "keep";
  /** `apply` only: what this layer has written, with all parents. */
  readonly #placed = new Set<ByteString>();

  constructor(native: Native, directories: Directories, mode: "overlay" | "apply" | "keep") {
    this.#native = native;
    this.#directories = directories;
    this.#mode = mode;
  }

  /** True when the entry was a whiteout (or a relic of aufs), and is dealt with. @throws invalid. */
  take(path: ByteString, entry: TarEntry, owner: Owner): boolean {
    if (this.#mode === "keep") return false;
    if (path.startsWith(WHITEOUT_META) && !path.startsWith(WHITEOUT_OPAQUE)) return true;
    const base = baseOf(path);
    if (!base.startsWith(WHITEOUT_PREFIX)) return false;
    if (base === WHITEOUT_OPAQUE) {
      this.#hideContent(parentOf(path));
      return true;
    }
    if (base.startsWith(WHITEOUT_META)) return true;
    const hidden = base.slice(WHITEOUT_PREFIX.length);
    if (hidden === "" || hidden === "." || hidden === "..") throw invalidWhiteout(toText(entry.name));
    if (this.#mode === "overlay") this.#writeWhiteout(parentOf(path), hidden, owner);
    else this.#removeBelow(parentOf(path), hidden);
    return true;
  }

  /** Notes that the layer itself has brought the path. */
  placed(path: ByteString): void {
    if (this.#mode !== "apply") return;
    for (let at = path; at !== "" && !this.#placed.has(at); at = parentOf(at)) this.#placed.add(at);
  }

  /** True for overlay's mark of a removed name. */
  isWhiteout(directory: number, name: PathLike): boolean {
    if (this.#mode !== "overlay") return false;
    const status = this.#native.statx(directory, name, AT_SYMLINK_NOFOLLOW);
    return (status.mode & S_IFMT) === S_IFCHR && status.rdevMajor === 0 && status.rdevMinor === 0;
  }

  /** Hides what lower layers have in the directory. */
  makeOpaque(parent: number, name: ByteString): void {
    const fd = this.#native.openat2(parent, toKernel(name), O_DIRECTORY | O_NOFOLLOW, 0, 0);
    try {
      this.#native.fsetxattr(fd, OVERLAY_OPAQUE, Buffer.from("y"), 0);
    } finally {
      closeSync(fd);
    }
  }

  #hideContent(directory: ByteString): void {
    if (this.#mode === "overlay") {
      this.#native.fsetxattr(this.#directories.ensure(directory), OVERLAY_OPAQUE, Buffer.from("y"), 0);
      return;
    }
    const fd = this.#directories.find(directory);
    if (fd !== undefined) this.#clear(fd, directory);
  }

  #writeWhiteout(directory: ByteString, hidden: ByteString, owner: Owner): void {
    const parent = this.#directories.ensure(directory);
    try {
      // overlay(5): a whiteout is a character device 0/0.
      this.#native.mknodat(parent, toKernel(hidden), S_IFCHR, 0, 0);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      // The layer has brought the name already: a file hides the lower one by itself, a directory must be told to.
      if (typeOf(this.#native, parent, hidden) === S_IFDIR) this.makeOpaque(parent, hidden);
      return;
    }
    this.#native.fchownat(parent, toKernel(hidden), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW);
  }

  #removeBelow(directory: ByteString, hidden: ByteString): void {
    const parent = this.#directories.find(directory);
    if (parent === undefined) return;
    const path = joinPath(directory, hidden);
    if (!this.#placed.has(path)) {
      removeTree(this.#native, parent, toKernel(hidden));
      this.#directories.forget();
      return;
    }
    if (typeOf(this.#native, parent, hidden) === S_IFDIR) this.#hideContent(path);
  }

  /** Removes what this layer did not bring. */
  #clear(directory: number, path: ByteString): void {
    const fd = this.#native.openat2(directory, ".", O_DIRECTORY, 0, 0);
    try {
      for (const name of namesIn(this.#native, fd)) {
        const inner = joinPath(path, name);
        if (!this.#placed.has(inner)) removeTree(this.#native, fd, toKernel(name));
        else if (typeOf(this.#native, fd, name) === S_IFDIR) this.#clearInner(fd, name, inner);
      }
    } finally {
      closeSync(fd);
    }
    this.#directories.forget();
  }

  #clearInner(parent: number, name: ByteString, path: ByteString): void {
    const fd = this.#native.openat2(parent, toKernel(name), O_DIRECTORY | O_NOFOLLOW, 0, 0);
    try {
      this.#clear(fd, path);
    } finally {
      closeSync(fd);
    }
  }
}

function typeOf(native: Native, directory: number, name: ByteString): number {
  return native.statx(directory, toKernel(name), AT_SYMLINK_NOFOLLOW).mode & S_IFMT;
}
