import { closeSync, readSync } from "node:fs";
import { AT_EMPTY_PATH, type FileStatus, type Native, S_IFMT, S_IFREG } from "../sys/index.ts";
import type { LentWriter } from "../wire/index.ts";
import { baseOf, joinPath, parentOf } from "./byte-string.ts";
import { Directories, openDirectory } from "./directories.ts";
import { emptyEntry, paddingOf, type TarEntry } from "./tar-format.ts";
import { formatHeader, TRAILER } from "./tar-writer.ts";
import { entryOf, fdXattrs, fillStatus, isOverlayOpaque, isOverlayWhiteout, openFile } from "./tree-entry.ts";
import type { ByteString, PackRequest } from "./types.ts";
import { isDirectory, isGone, statusOf, walk } from "./walk.ts";
import { WHITEOUT_OPAQUE, WHITEOUT_PREFIX } from "./whiteouts.ts";

const CHUNK = 256 * 1024;
/** Files of which so much is to come are sent without being read, where that can be. */
const SENT_FROM = 128 * 1024;

/** Where to send to, once that is known; who reads chunks sends each of them there. */
export type Destination = () => LentWriter | undefined;

export type PackTask = Pick<PackRequest, "root" | "paths" | "whiteouts">;

/** A directory's content as a tar, in chunks. Synchronous: for workers. */
export function* pack(native: Native, task: PackTask, destination?: Destination): Generator<Buffer> {
  const packer = new Packer(native, task.whiteouts, destination);
  if (task.paths === undefined) {
    for (const visit of walk(native, task.root)) {
      yield* packer.add(visit.directory, visit.name, visit.path, visit.status);
    }
  } else {
    yield* packPaths(native, task, packer);
  }
  yield* packer.end();
}

function* packPaths(native: Native, task: PackTask, packer: Packer): Generator<Buffer> {
  const root = openDirectory(native, task.root);
  try {
    using directories = new Directories(native, root);
    for (const { path, deleted } of task.paths ?? []) {
      const name = Buffer.from(path.replace(/^\/+/, ""), "utf8").toString("latin1");
      if (deleted) {
        yield* packer.header(emptyEntry("file", joinPath(parentOf(name), WHITEOUT_PREFIX + baseOf(name))));
        continue;
      }
      const parent = directories.find(parentOf(name));
      const status = parent === undefined ? undefined : statusOf(native, parent, baseOf(name));
      if (parent !== undefined && status !== undefined) yield* packer.add(parent, baseOf(name), name, status);
    }
  } finally {
    closeSync(root);
  }
}

/** Makes chunks of equal size out of entries. */
export class Packer {
  readonly #native: Native;
  readonly #whiteouts: "overlay" | "none";
  readonly #destination: Destination;
  /** First names of files with several, by device and inode. */
  readonly #links = new Map<string, ByteString>();
  #chunk = Buffer.allocUnsafeSlow(CHUNK);
  #used = 0;

  constructor(native: Native, whiteouts: "overlay" | "none", destination: Destination = () => undefined) {
    this.#native = native;
    this.#whiteouts = whiteouts;
    this.#destination = destination;
  }

  /** Adds what is in the open directory under `name`, as `path`. */
  *add(directory: number, name: ByteString, path: ByteString, status: FileStatus): Generator<Buffer> {
    if (this.#whiteouts === "overlay" && isOverlayWhiteout(status)) {
      const whiteout = emptyEntry("file", joinPath(parentOf(path), WHITEOUT_PREFIX + baseOf(path)));
      fillStatus(whiteout, status);
      return yield* this.header({ ...whiteout, size: 0, mode: 0o600 });
    }
    const entry = entryOf(this.#native, directory, name, path, status);
    if (entry === undefined) return;
    if (status.nlink > 1 && !isDirectory(status)) {
      const inode = `${status.devMajor}:${status.devMinor}:${status.ino}`;
      const first = this.#links.get(inode);
      if (first !== undefined) return yield* this.header({ ...entry, type: "hardlink", linkName: first, size: 0 });
      this.#links.set(inode, path);
    }
    if (entry.type === "file") return yield* this.#file(directory, name, entry);
    yield* this.header(entry);
    if (entry.type === "directory" && this.#whiteouts === "overlay" && isOverlayOpaque(this.#native, directory, name)) {
      const opaque = { ...entry, type: "file" as const, name: joinPath(path, WHITEOUT_OPAQUE), xattrs: new Map() };
      yield* this.header(opaque);
    }
  }

  *header(entry: TarEntry): Generator<Buffer> {
    yield* this.#bytes(formatHeader(entry));
  }

  *end(): Generator<Buffer> {
    yield* this.#bytes(TRAILER);
    if (this.#used > 0) yield this.#flush();
  }

  *#file(directory: number, name: ByteString, entry: TarEntry): Generator<Buffer> {
    let fd: number;
    try {
      fd = openFile(this.#native, directory, name);
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
    try {
      const status = this.#native.statx(fd, "", AT_EMPTY_PATH);
      if ((status.mode & S_IFMT) !== S_IFREG) return; // replaced meanwhile
      fillStatus(entry, status);
      entry.xattrs = fdXattrs(this.#native, fd);
      yield* this.header(entry);
      yield* this.#content(fd, entry.size);
    } finally {
      closeSync(fd);
    }
  }

  /** Exactly `size` bytes: what a file loses meanwhile becomes zeros, what it gains is left out. */
  *#content(fd: number, size: number): Generator<Buffer> {
    let position = 0;
    while (position < size) {
      const to = this.#destination();
      if (to !== undefined && size - position >= SENT_FROM) {
        if (this.#used > 0) yield this.#flush();
        to.file(fd, position, size - position);
        break;
      }
      const room = Math.min(CHUNK - this.#used, size - position);
      const got = readSync(fd, this.#chunk, this.#used, room, position);
      if (got === 0) {
        yield* this.#zeros(size - position);
        break;
      }
      position += got;
      this.#used += got;
      if (this.#used === CHUNK) yield this.#flush();
    }
    yield* this.#zeros(paddingOf(size));
  }

  *#bytes(data: Buffer): Generator<Buffer> {
    for (let at = 0; at < data.length;) {
      const taken = data.copy(this.#chunk, this.#used, at);
      at += taken;
      this.#used += taken;
      if (this.#used === CHUNK) yield this.#flush();
    }
  }

  *#zeros(count: number): Generator<Buffer> {
    for (let left = count; left > 0;) {
      const taken = Math.min(left, CHUNK - this.#used);
      this.#chunk.fill(0, this.#used, this.#used + taken);
      left -= taken;
      this.#used += taken;
      if (this.#used === CHUNK) yield this.#flush();
    }
  }

  #flush(): Buffer {
    const full = this.#chunk.subarray(0, this.#used);
    // One that is sent is not kept by who asks for the next.
    if (this.#destination() === undefined) this.#chunk = Buffer.allocUnsafeSlow(CHUNK);
    this.#used = 0;
    return full;
  }
}
