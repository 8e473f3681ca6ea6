import {
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TarEntry, TarReader, type TarSink } from "../archive/index.ts";
import { CliError } from "./errors.ts";

export interface UnpackOptions {
  /** An existing directory of this machine. */
  into: string;
  /** The first part of the names in the archive. */
  root: string;
  /** What that part becomes; `.` puts its contents directly into `into`. */
  rename: string;
  keepOwners: boolean;
}

/**
 * Unpacks a tar that an engine sent. The engine is not trusted with this machine: every name stays beneath the target, and
 * no symbolic link of the archive is followed on the way. @returns the bytes read.
 */
export async function unpackTree(body: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<number> {
  const sink = new Unpacker(options);
  const reader = new TarReader(sink);
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    }
    reader.finish();
    sink.finish();
  } finally {
    sink.close();
  }
  return size;
}

class Unpacker implements TarSink {
  readonly #options: UnpackOptions;
  readonly #directories: { path: string; entry: TarEntry }[] = [];
  /** Directories made or met by this archive: known to be no links. */
  readonly #safe = new Set<string>();
  #file: number | undefined;
  #current: { path: string; entry: TarEntry } | undefined;

  constructor(options: UnpackOptions) {
    this.#options = options;
    this.#safe.add(options.into);
  }

  entry(entry: TarEntry): void {
    const path = this.#place(entry.name);
    this.#current = { path, entry };
    this.#requireSafeParents(path);
    const existing = lstatSync(path, { throwIfNoEntry: false });
    if (entry.type === "directory") {
      if (existing !== undefined && !existing.isDirectory())
        throw new CliError(`cannot overwrite non-directory ${JSON.stringify(path)} with directory`);
      if (existing === undefined) mkdirSync(path, 0o700);
      this.#safe.add(path);
      if (path !== this.#options.into) this.#directories.push({ path, entry });
      return;
    }
    if (existing?.isDirectory() === true)
      throw new CliError(`cannot overwrite directory ${JSON.stringify(path)} with non-directory`);
    if (existing !== undefined) rmSync(path);
    if (entry.type === "file") this.#file = openSync(path, "wx", 0o600);
    else if (entry.type === "symlink") symlinkSync(Buffer.from(entry.linkName, "latin1"), path);
    else if (entry.type === "hardlink") {
      const source = this.#place(entry.linkName);
      this.#requireSafeParents(source);
      linkSync(source, path);
    } else throw new CliError(`cannot make device or fifo ${JSON.stringify(path)}`);
  }

  data(piece: Buffer): void {
    let rest = piece;
    while (rest.length > 0 && this.#file !== undefined) rest = rest.subarray(writeSync(this.#file, rest));
  }

  entryEnd(): void {
    this.close();
    const current = this.#current;
    if (current === undefined || current.entry.type === "directory" || current.entry.type === "hardlink") return;
    this.#own(current.path, current.entry);
    if (current.entry.type === "symlink") return;
    chmodSync(current.path, current.entry.mode & 0o7777);
    utimesSync(current.path, current.entry.mtime, current.entry.mtime);
  }

  /** Modes and times of directories, last: until then they must be writable. */
  finish(): void {
    for (const { path, entry } of this.#directories.reverse()) {
      this.#own(path, entry);
      chmodSync(path, entry.mode & 0o7777);
      utimesSync(path, entry.mtime, entry.mtime);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #own(path: string, entry: TarEntry): void {
    if (this.#options.keepOwners) lchownSync(path, entry.uid, entry.gid);
  }

  /** @throws CliError for a name outside of the target. */
  #place(name: string): string {
    const parts = Buffer.from(name, "latin1")
      .toString()
      .split("/")
      .filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw new CliError(`invalid name in archive: ${JSON.stringify(name)}`);
    const { root, rename, into } = this.#options;
    if (parts[0] === root) parts.shift();
    return join(into, rename === "." ? "" : rename, ...parts);
  }

  #requireSafeParents(path: string): void {
    const { into } = this.#options;
    for (
      let parent = dirname(path);
      parent !== into && !this.#safe.has(parent) && parent.startsWith(into);
      parent = dirname(parent)
    ) {
      const status = lstatSync(parent, { throwIfNoEntry: false });
      if (status === undefined) mkdirSync(parent, { recursive: true, mode: 0o755 });
      else if (!status.isDirectory()) throw new CliError(`${JSON.stringify(parent)} is no directory`);
      this.#safe.add(parent);
    }
  }
}
