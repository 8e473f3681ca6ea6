import { closeSync, ftruncateSync, writeSync } from "node:fs";
import { EngineError, errnoOf } from "../base/index.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  type Native,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
} from "../sys/index.ts";
import { baseOf, beneath, parentOf, toKernel, toText } from "./byte-string.ts";
import { Directories } from "./directories.ts";
import { breakout, cannotOverwriteDirectory, cannotOverwriteFile, entryFailed, invalidLink } from "./errors.ts";
import { FileContent, HOLES_FROM } from "./file-content.ts";
import { applyByName, applyToFd, type Owner, timeOf } from "./metadata.ts";
import { ownerOnHost } from "./owners.ts";
import { removeTree } from "./remove-tree.ts";
import type { TarEntry } from "./tar-format.ts";
import { KEPT_WHOLE, type SplitWriter } from "./split-writer.ts";
import type { TarSink } from "./tar-reader.ts";
import type { ByteString, UnpackRequest } from "./types.ts";
import { Whiteouts } from "./whiteouts.ts";

export interface ExtractOptions extends Pick<UnpackRequest, "whiteouts" | "owner" | "ids" | "noOverwriteDirNonDir"> {
  /** Directory within the root that the archive's names count from; links count from the root. */
  base?: ByteString;
  /** Notes where the tar's contents went. Its raw bytes come from the reader. */
  split?: SplitWriter | undefined;
}

/** The file whose content comes next; made only when `content` is there. */
interface OpenFile {
  path: ByteString;
  entry: TarEntry;
  content: FileContent | undefined;
}

type Make<T> = (parent: number, name: ReturnType<typeof toKernel>) => T;

const NOTHING = Buffer.alloc(0);

/**
 * Writes a tar's entries beneath a directory, each by a descriptor of its parent, so that no name, link or race leads a
 * write out of it. Owners, modes, xattrs, times come out as the archive has them; directories' times come last.
 */
export class Extractor implements TarSink, Disposable {
  readonly #native: Native;
  readonly #options: ExtractOptions;
  readonly #directories: Directories;
  readonly #whiteouts: Whiteouts;
  #written: number | undefined = 0;
  readonly #directoryTimes = new Map<ByteString, bigint>();
  #open: OpenFile | undefined;

  /** @param root stays the caller's. */
  constructor(native: Native, root: number, options: ExtractOptions) {
    this.#native = native;
    this.#options = options;
    this.#directories = new Directories(native, root, options.base);
    this.#whiteouts = new Whiteouts(native, this.#directories, options.whiteouts);
  }

  entry(entry: TarEntry): void {
    const path = beneath(entry.name);
    if (path === undefined) throw breakout(toText(entry.name));
    try {
      this.#place(path, entry);
    } catch (error) {
      throw error instanceof EngineError ? error : entryFailed(toText(path), entry.type, error);
    }
  }

  data(piece: Buffer): void {
    const open = this.#open;
    const split = this.#options.split;
    if (split !== undefined && (open === undefined || open.entry.size <= KEPT_WHOLE)) split.raw(piece);
    if (open === undefined) return; // the content of a whiteout or of the root: nowhere to go
    if (open.content === undefined) {
      if (piece.length === open.entry.size) return this.#writeWhole(open, piece);
      open.content = this.#openContent(open);
    }
    try {
      open.content.write(piece);
    } catch (error) {
      throw entryFailed(toText(open.path), "write", error);
    }
  }

  entryEnd(): void {
    const open = this.#open;
    if (open === undefined) return;
    if (open.content === undefined && open.entry.size === 0) this.#writeWhole(open, NOTHING);
    this.#open = undefined;
    if (open.entry.size > KEPT_WHOLE) this.#options.split?.file(open.path, open.entry.size);
    if (open.content === undefined) return; // written whole
    try {
      open.content.finish();
      applyToFd(this.#native, open.content.fd, open.entry, this.#ownerOf(open.entry), timeOf(open.entry));
    } catch (error) {
      throw entryFailed(toText(open.path), "file", error);
    } finally {
      closeSync(open.content.fd);
    }
  }

  /** Sets what had to wait. Called once, after the last entry. */
  finish(): void {
    for (const [path, time] of this.#directoryTimes) {
      const parent = this.#directories.find(parentOf(path));
      if (parent === undefined) continue;
      const name = toKernel(baseOf(path));
      // Only what still is a directory: a later entry may have taken its place.
      if (!this.#isDirectory(parent, name)) continue;
      this.#native.utimensat(parent, name, time, time, AT_SYMLINK_NOFOLLOW);
    }
  }

  /** As `UnpackResult.written`. */
  get written(): number | undefined {
    return this.#written;
  }

  [Symbol.dispose](): void {
    if (this.#open?.content !== undefined) closeSync(this.#open.content.fd);
    this.#open = undefined;
    this.#directories[Symbol.dispose]();
  }

  #place(path: ByteString, entry: TarEntry): void {
    // Docker leaves the root's own attributes as they are.
    if (path === "") {
      if (entry.type !== "directory") throw breakout(toText(entry.name));
      return;
    }
    if (this.#whiteouts.take(path, entry, this.#ownerOf(entry))) return;
    switch (entry.type) {
      case "directory":
        this.#placeDirectory(path, entry);
        break;
      case "file":
        this.#placeFile(path, entry);
        break;
      case "hardlink":
        this.#placeLink(path, entry);
        break;
      default:
        this.#placeSpecial(path, entry);
    }
    this.#whiteouts.placed(path);
  }

  #placeDirectory(path: ByteString, entry: TarEntry): void {
    const name = toKernel(baseOf(path));
    const parent = this.#directories.ensure(parentOf(path));
    try {
      this.#native.mkdirat(parent, name, 0o700);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      this.#makeRoomForDirectory(path, parent);
    }
    const fd = this.#native.openat2(this.#directories.ensure(parentOf(path)), name, O_DIRECTORY | O_NOFOLLOW, 0, 0);
    try {
      applyToFd(this.#native, fd, entry, this.#ownerOf(entry), null);
    } finally {
      closeSync(fd);
    }
    this.#directoryTimes.set(path, timeOf(entry));
  }

  /** A directory that is there stays, with its content; anything else gives way to a new one. */
  #makeRoomForDirectory(path: ByteString, parent: number): void {
    const name = toKernel(baseOf(path));
    if (this.#isDirectory(parent, name)) return;
    if (this.#options.noOverwriteDirNonDir === true) throw cannotOverwriteFile(toText(path), this.#where());
    const hidden = this.#whiteouts.isWhiteout(parent, name);
    this.#remove(parent, name);
    const again = this.#directories.ensure(parentOf(path));
    this.#native.mkdirat(again, name, 0o700);
    if (hidden) this.#whiteouts.makeOpaque(again, baseOf(path));
  }

  /** A plain file is made when its content comes: most are small, and made and filled by one call then. */
  #placeFile(path: ByteString, entry: TarEntry): void {
    this.#count(entry.size);
    // What such an entry stores is not what the file reads as.
    if (entry.sparse !== undefined) this.#options.split?.giveUp();
    const open: OpenFile = { path, entry, content: undefined };
    if (entry.sparse !== undefined || entry.xattrs.size > 0 || entry.size >= HOLES_FROM) {
      open.content = this.#openContent(open);
    }
    this.#open = open;
  }

  #openContent({ path, entry }: OpenFile): FileContent {
    const fd = this.#made(path, entry, (parent, name) =>
      this.#native.openat2(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0),
    );
    return new FileContent(fd, entry, writeSync, ftruncateSync);
  }

  #writeWhole({ path, entry }: OpenFile, data: Buffer): void {
    const { uid, gid } = this.#ownerOf(entry);
    this.#made(path, entry, (parent, name) =>
      this.#native.writeNew(parent, name, data, entry.mode, uid, gid, timeOf(entry)),
    );
  }

  #made<T>(path: ByteString, entry: TarEntry, make: Make<T>): T {
    try {
      return this.#create(path, make);
    } catch (error) {
      throw error instanceof EngineError ? error : entryFailed(toText(path), entry.type, error);
    }
  }

  #placeLink(path: ByteString, entry: TarEntry): void {
    const target = beneath(entry.linkName);
    if (target === undefined || target === "") throw invalidLink(toText(entry.linkName));
    if (target === path) return; // a file that is a link to itself: it is there already, or the link below would fail
    this.#create(path, (parent, name) => {
      const from = this.#directories.find(parentOf(target));
      if (from === undefined)
        throw Object.assign(new Error(`link target ${toText(target)} is missing`), { code: "ENOENT" });
      this.#native.linkat(from, toKernel(baseOf(target)), parent, name, 0);
    });
    // As Docker does, the link's own header counts for the inode, being the later one; not its time for a symlink.
    this.#applyByName(path, entry);
  }

  #placeSpecial(path: ByteString, entry: TarEntry): void {
    this.#create(path, (parent, name) => {
      switch (entry.type) {
        case "symlink":
          this.#count(entry.linkName.length);
          return this.#native.symlinkat(toKernel(entry.linkName), parent, name);
        case "char":
          return this.#native.mknodat(parent, name, S_IFCHR | 0o600, entry.devMajor, entry.devMinor);
        case "block":
          return this.#native.mknodat(parent, name, S_IFBLK | 0o600, entry.devMajor, entry.devMinor);
        default:
          return this.#native.mknodat(parent, name, S_IFIFO | 0o600, 0, 0);
      }
    });
    this.#applyByName(path, entry);
  }

  #applyByName(path: ByteString, entry: TarEntry): void {
    const parent = this.#directories.ensure(parentOf(path));
    applyByName(this.#native, parent, baseOf(path), entry, this.#ownerOf(entry));
  }

  /** Makes something new under the name; what stands there makes room. */
  #create<T>(path: ByteString, make: Make<T>): T {
    const name = toKernel(baseOf(path));
    const parent = this.#directories.ensure(parentOf(path));
    try {
      return make(parent, name);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    if (this.#options.noOverwriteDirNonDir === true && this.#isDirectory(parent, name)) {
      throw cannotOverwriteDirectory(toText(path), this.#where());
    }
    this.#remove(parent, name);
    return make(this.#directories.ensure(parentOf(path)), name);
  }

  /** The parent's descriptor is no longer good afterwards. */
  #remove(parent: number, name: ReturnType<typeof toKernel>): void {
    this.#written = undefined;
    this.#options.split?.giveUp();
    removeTree(this.#native, parent, name);
    this.#directories.forget();
  }

  #count(bytes: number): void {
    if (this.#written !== undefined) this.#written += bytes;
  }

  #isDirectory(parent: number, name: ReturnType<typeof toKernel>): boolean {
    try {
      return (this.#native.statx(parent, name, AT_SYMLINK_NOFOLLOW).mode & S_IFMT) === S_IFDIR;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** The directory that is written to, as people know it. */
  #where(): string {
    return toText(`/${this.#options.base ?? ""}`);
  }

  #ownerOf(entry: TarEntry): Owner {
    return ownerOnHost(this.#options.owner ?? entry, this.#options.ids);
  }
}
