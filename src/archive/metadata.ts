import { closeSync, fchmodSync, fchownSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, type Native, O_NOFOLLOW, O_PATH, S_IFLNK, S_IFMT } from "../sys/index.ts";
import { toBytes, toKernel } from "./byte-string.ts";
import { throughFd } from "./directories.ts";
import type { TarEntry } from "./tar-format.ts";
import type { ByteString } from "./types.ts";

/** overlay(5) keeps its own notes there; an archive that brings some could redirect lookups. */
const OVERLAY_PREFIX = "trusted.overlay.";
export const OVERLAY_OPAQUE = "trusted.overlay.opaque";

/** Nanoseconds of a signed 64-bit count, which is what the kernel's and Go's times can say. */
const LAST_SECOND = 9_223_372_036;

export interface Owner {
  uid: number;
  gid: number;
}

/** An entry's time in nanoseconds; Docker sets what is before 1970 or past 2262 to zero. */
export function timeOf(entry: TarEntry): bigint {
  if (entry.mtime < 0 || entry.mtime >= LAST_SECOND) return 0n;
  return BigInt(entry.mtime) * 1_000_000_000n + BigInt(entry.mtimeNanos);
}

/**
 * Owner, xattrs, mode and times of an open file or directory, in the order that keeps them: a change of owner drops
 * setuid bits and security.capability.
 */
export function applyToFd(native: Native, fd: number, entry: TarEntry, owner: Owner, time: bigint | null): void {
  fchownSync(fd, owner.uid, owner.gid);
  for (const [name, value] of entry.xattrs) {
    if (!isForeign(name)) continue;
    attempt(name, () => native.fsetxattr(fd, toKernel(name), toBytes(value), 0));
  }
  fchmodSync(fd, entry.mode);
  if (time !== null) native.utimensat(fd, "", time, time, AT_EMPTY_PATH);
}

/** The same for what is not opened: links, devices, pipes. A link has no mode; another name of one leaves its time. */
export function applyByName(native: Native, directory: number, name: ByteString, entry: TarEntry, owner: Owner): void {
  const path = toKernel(name);
  native.fchownat(directory, path, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW);
  for (const [key, value] of entry.xattrs) {
    if (!isForeign(key)) continue;
    attempt(key, () => native.lsetxattr(throughFd(directory, name), toKernel(key), toBytes(value), 0));
  }
  const isLink = entry.type === "symlink" || chmodByName(native, directory, name, entry.mode);
  if (isLink && entry.type === "hardlink") return;
  const time = timeOf(entry);
  native.utimensat(directory, path, time, time, AT_SYMLINK_NOFOLLOW);
}

/**
 * chmod of all but a link, also when a container swaps one in: the descriptor is of the name itself.
 * @returns whether it is a link.
 */
function chmodByName(native: Native, directory: number, name: ByteString, mode: number): boolean {
  const fd = native.openat2(directory, toKernel(name), O_PATH | O_NOFOLLOW, 0, 0);
  try {
    const isLink = (native.statx(fd, "", AT_EMPTY_PATH).mode & S_IFMT) === S_IFLNK;
    if (!isLink) native.fchmodat(fd, "", mode, AT_EMPTY_PATH);
    return isLink;
  } finally {
    closeSync(fd);
  }
}

/** False for overlay's own attributes. */
function isForeign(xattr: ByteString): boolean {
  return !xattr.startsWith(OVERLAY_PREFIX);
}

/** A file system without that kind of attribute is no reason to fail: Docker goes on, too. */
function attempt(name: ByteString, set: () => void): void {
  try {
    set();
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOTSUP" || code === "EOPNOTSUPP") return;
    // xattr(7): user attributes stand on files and directories only.
    if (code === "EPERM" && name.startsWith("user.")) return;
    throw error;
  }
}
