import {
  type FileStatus,
  type Native,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../sys/index.ts";
import { fromBytes, toKernel } from "./byte-string.ts";
import { throughFd } from "./directories.ts";
import { emptyEntry, type TarEntry, type TarType } from "./tar-format.ts";
import type { ByteString } from "./types.ts";

const TYPES: ReadonlyMap<number, TarType> = new Map<number, TarType>([
  [S_IFREG, "file"],
  [S_IFDIR, "directory"],
  [S_IFLNK, "symlink"],
  [S_IFCHR, "char"],
  [S_IFBLK, "block"],
  [S_IFIFO, "fifo"],
]);

/** Labels of this host's security modules: elsewhere they are wrong. */
const LOCAL_XATTRS = /^(trusted\.overlay\.|security\.(selinux|ima|evm|apparmor)$)/;

/** The entry that stands for what is in a tree; undefined for a socket, which no archive can hold. */
export function entryOf(
  native: Native,
  directory: number,
  name: ByteString,
  path: ByteString,
  status: FileStatus,
): TarEntry | undefined {
  const type = TYPES.get(status.mode & S_IFMT);
  if (type === undefined) return undefined;
  const entry = emptyEntry(type, path);
  fillStatus(entry, status);
  if (type === "symlink") entry.linkName = fromBytes(native.readlinkat(directory, toKernel(name)));
  // A file's are read from its own descriptor, when it is open.
  if (type !== "file") entry.xattrs = namedXattrs(native, directory, name);
  return entry;
}

export function fillStatus(entry: TarEntry, status: FileStatus): void {
  entry.mode = status.mode & 0o7777;
  entry.uid = status.uid;
  entry.gid = status.gid;
  entry.size = entry.type === "file" ? Number(status.size) : 0;
  entry.mtime = Number(floorDivide(status.mtime, 1_000_000_000n));
  entry.mtimeNanos = Number(status.mtime - floorDivide(status.mtime, 1_000_000_000n) * 1_000_000_000n);
  if (entry.type === "char" || entry.type === "block") {
    entry.devMajor = status.rdevMajor;
    entry.devMinor = status.rdevMinor;
  }
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && value % by !== 0n ? quotient - 1n : quotient;
}

/** Opens a file for reading; a pipe or device that took its place does not hold the thread. */
export function openFile(native: Native, directory: number, name: ByteString): number {
  return native.openat2(directory, toKernel(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0);
}

/** The xattrs of an open file or directory that belong into an archive. */
export function fdXattrs(native: Native, fd: number): ReadonlyMap<ByteString, ByteString> {
  return collect(
    () => native.flistxattr(fd),
    (name) => native.fgetxattr(fd, name),
  );
}

/** The same by name, links not followed. */
export function namedXattrs(native: Native, directory: number, name: ByteString): ReadonlyMap<ByteString, ByteString> {
  const path = throughFd(directory, name);
  return collect(
    () => native.llistxattr(path),
    (key) => native.lgetxattr(path, key),
  );
}

const NONE: ReadonlyMap<ByteString, ByteString> = new Map();
const ABSENT = new Set(["ENODATA", "ENOTSUP", "EOPNOTSUPP", "EPERM", "EACCES"]);

function collect(list: () => Buffer[], get: (name: Buffer) => Buffer): ReadonlyMap<ByteString, ByteString> {
  const names = attempt(list) ?? [];
  if (names.length === 0) return NONE;
  const found = new Map<ByteString, ByteString>();
  for (const raw of names) {
    const name = fromBytes(raw);
    if (LOCAL_XATTRS.test(name)) continue;
    const value = attempt(() => get(raw));
    if (value !== undefined) found.set(name, fromBytes(value));
  }
  return found;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENT.has(String(error.code))) return undefined;
    throw error;
  }
}

/** True for overlay's mark of a removed name (overlay(5)). */
export function isOverlayWhiteout(status: FileStatus): boolean {
  return (status.mode & S_IFMT) === S_IFCHR && status.rdevMajor === 0 && status.rdevMinor === 0;
}

/** True for a program that gets capabilities from its file. */
export function hasFileCapabilities(native: Native, directory: number, name: ByteString): boolean {
  return attempt(() => native.lgetxattr(throughFd(directory, name), "security.capability")) !== undefined;
}

/** True for a directory whose lower content overlay hides. */
export function isOverlayOpaque(native: Native, directory: number, name: ByteString): boolean {
  const value = attempt(() => native.lgetxattr(throughFd(directory, name), "trusted.overlay.opaque"));
  return value !== undefined && value.toString("latin1") === "y";
}
