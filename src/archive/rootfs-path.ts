import { closeSync } from "node:fs";
import { EngineError, errnoOf, formatNanos, isKind } from "../base/index.ts";
import {
  AT_EMPTY_PATH,
  type FileStatus,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from "../sys/index.ts";
import { baseOf, cleanPath, fromBytes, fromText, joinPath, parentOf, toKernel, toText } from "./byte-string.ts";
import { openDirectory, openInRoot } from "./directories.ts";
import { badPath, behindFile, noSuchPath, notADirectory } from "./errors.ts";
import { type Destination, Packer } from "./pack.ts";
import type { ArchivePathStat, ByteString, DirectoryRef } from "./types.ts";
import { extract } from "./unpack.ts";
import { isDirectory, isGone, walk } from "./walk.ts";
import type { Tasks } from "./worker-protocol.ts";

/** `docker cp`'s view of a rootfs: links are resolved as the container would, and never lead out of it (CVE-2018-15664). */

/** Go's os.FileMode bits. */
const GO_TYPE: ReadonlyMap<number, number> = new Map([
  [S_IFDIR, 2 ** 31],
  [S_IFLNK, 2 ** 27],
  [S_IFBLK, 2 ** 26],
  [S_IFCHR, 2 ** 26 + 2 ** 21],
  [S_IFIFO, 2 ** 25],
  [S_IFSOCK, 2 ** 24],
]);

/** What the path is; a link itself, unless a slash or `/.` follows it. @throws not-found. */
export function pathStat(native: Native, root: DirectoryRef, path: string): ArchivePathStat {
  return within(native, root, path, ({ rootFd, fd, status, absolute }) => ({
    name: toText(shownBase(absolute)),
    size: Number(status.size),
    mode: goMode(status.mode),
    mtime: formatNanos(status.mtime),
    linkTarget:
      (status.mode & S_IFMT) === S_IFLNK ? toText(followLinks(native, rootFd, absolute, readLink(native, fd))) : "",
  }));
}

/** The path as a tar rooted at its base name; of `path/.` the contents. @throws not-found. */
export function* pathGet(
  native: Native,
  root: DirectoryRef,
  path: string,
  destination?: Destination,
): Generator<Buffer> {
  const rootFd = openDirectory(native, root);
  try {
    const place = locate(path);
    const parent = find(native, rootFd, place.parent, O_DIRECTORY, path);
    try {
      yield* packPlace(native, parent, place, path, destination);
    } finally {
      closeSync(parent);
    }
  } finally {
    closeSync(rootFd);
  }
}

function* packPlace(
  native: Native,
  parent: number,
  place: Place,
  path: string,
  destination: Destination | undefined,
): Generator<Buffer> {
  const packer = new Packer(native, "none", destination);
  const fd = openEntry(native, parent, place.name, path);
  try {
    const status = native.statx(fd, "", AT_EMPTY_PATH);
    const base = shownBase(place.absolute);
    yield* packer.add(parent, place.name, base, status);
    if (isDirectory(status)) {
      for (const visit of walk(native, { fd })) {
        yield* packer.add(visit.directory, visit.name, `${base === "/" ? "" : base}/${visit.path}`, visit.status);
      }
    }
    yield* packer.end();
  } finally {
    closeSync(fd);
  }
}

/** Unpacks a tar into the directory that the path names. @throws not-found, invalid. */
export async function pathPut(
  native: Native,
  task: Tasks["put"]["args"],
  source: AsyncIterable<Uint8Array>,
  hooks: { onProgress: (bytes: number) => void; signal: AbortSignal },
): Promise<undefined> {
  checkPath(task.path);
  const absolute = cleanPath(`/${fromText(task.path)}`);
  const rootFd = openDirectory(native, task.root);
  try {
    const fd = find(native, rootFd, absolute, O_PATH, task.path);
    try {
      if (!isDirectory(native.statx(fd, "", AT_EMPTY_PATH))) throw notADirectory();
    } finally {
      closeSync(fd);
    }
    const { root: _root, path: _path, ...options } = task;
    await extract(
      native,
      { ...options, target: { fd: rootFd }, base: absolute.slice(1), whiteouts: "keep" },
      source,
      hooks,
    ).catch(serverFault);
  } finally {
    closeSync(rootFd);
  }
  return undefined;
}

/** Docker answers 500 to a broken archive, where 400 would be right: clients know the one. */
function serverFault(error: unknown): never {
  throw isKind(error, "invalid") && error instanceof EngineError
    ? new EngineError("unknown", error.message, { cause: error })
    : error;
}

/** Where a path stands: its parent is resolved, its last part is not. */
interface Place {
  absolute: ByteString;
  parent: ByteString;
  name: ByteString;
}

/** Docker's rule: a trailing slash or `/.` makes the last part a directory that is gone into. */
function locate(path: string): Place {
  checkPath(path);
  const given = fromText(path);
  const clean = cleanPath(`/${given}`);
  const trailing = given.endsWith("/.") || given === "." ? "/." : given.endsWith("/") ? "/" : "";
  const absolute = clean === "/" ? "/" : clean + trailing;
  if (trailing !== "" || clean === "/") return { absolute, parent: clean, name: "." };
  return { absolute, parent: parentOf(clean) || "/", name: baseOf(clean) };
}

/** Go's filepath.Base. */
function shownBase(absolute: ByteString): ByteString {
  const trimmed = absolute.replace(/\/+$/, "");
  return trimmed === "" ? "/" : baseOf(trimmed);
}

interface Found {
  rootFd: number;
  /** O_PATH, of the thing itself. */
  fd: number;
  status: FileStatus;
  absolute: ByteString;
}

/** PATH_MAX of linux/limits.h, less the byte that ends a path. */
const LONGEST_PATH = 4095;

/** @throws invalid for what the kernel takes for no path. */
function checkPath(path: string): void {
  if (path.includes("\0")) throw badPath(path, "invalid argument");
  if (Buffer.byteLength(path) > LONGEST_PATH) throw badPath(path, "file name too long");
}

function within<T>(native: Native, root: DirectoryRef, path: string, work: (found: Found) => T): T {
  const rootFd = openDirectory(native, root);
  try {
    const place = locate(path);
    const parent = find(native, rootFd, place.parent, O_DIRECTORY, path);
    try {
      const fd = openEntry(native, parent, place.name, path);
      try {
        return work({ rootFd, fd, status: native.statx(fd, "", AT_EMPTY_PATH), absolute: place.absolute });
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(parent);
    }
  } finally {
    closeSync(rootFd);
  }
}

function find(native: Native, rootFd: number, path: ByteString, flags: number, shown: string): number {
  try {
    return openInRoot(native, rootFd, path, flags);
  } catch (error) {
    throw missing(error, shown);
  }
}

function missing(error: unknown, shown: string): unknown {
  if (errnoOf(error) === "ENOTDIR") return behindFile(shown);
  if (errnoOf(error) === "ENAMETOOLONG") return badPath(shown, "file name too long");
  return isGone(error) ? noSuchPath(shown) : error;
}

/** A directory is opened for reading, so that it can be walked; anything else is only looked at. */
function openEntry(native: Native, parent: number, name: ByteString, shown: string): number {
  try {
    return native.openat2(parent, toKernel(name), O_DIRECTORY | O_NOFOLLOW, 0, 0);
  } catch (error) {
    if (!isGone(error)) throw missing(error, shown);
  }
  try {
    return native.openat2(parent, toKernel(name), O_PATH | O_NOFOLLOW, 0, 0);
  } catch (error) {
    throw missing(error, shown);
  }
}

function goMode(mode: number): number {
  let bits = (mode & 0o777) + (GO_TYPE.get(mode & S_IFMT) ?? 0);
  if ((mode & 0o4000) !== 0) bits += 2 ** 23;
  if ((mode & 0o2000) !== 0) bits += 2 ** 22;
  if ((mode & 0o1000) !== 0) bits += 2 ** 20;
  return bits;
}

function readLink(native: Native, fd: number): ByteString {
  return fromBytes(native.readlinkat(fd, ""));
}

/** symlink(7): the kernel follows 40. */
const MAX_LINKS = 255;

/** Where a link ends, as far as it can be followed; what is missing is taken as it stands. */
function followLinks(native: Native, rootFd: number, absolute: ByteString, target: ByteString): ByteString {
  const parent = parentOf(absolute.replace(/\/+$/, ""));
  const pending = (target.startsWith("/") ? target : `${parent}/${target}`).split("/").reverse();
  let at: ByteString = "";
  let left = MAX_LINKS;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = parentOf(at);
      continue;
    }
    const next = joinPath(at, part);
    const link = left > 0 ? linkAt(native, rootFd, next) : undefined;
    if (link === undefined) {
      at = next;
      continue;
    }
    left--;
    if (link.startsWith("/")) at = "";
    pending.push(...link.split("/").reverse());
  }
  return `/${at}`;
}

function linkAt(native: Native, rootFd: number, path: ByteString): ByteString | undefined {
  let fd: number;
  try {
    fd = openInRoot(native, rootFd, path, O_PATH | O_NOFOLLOW);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  try {
    const status = native.statx(fd, "", AT_EMPTY_PATH);
    return (status.mode & S_IFMT) === S_IFLNK ? readLink(native, fd) : undefined;
  } finally {
    closeSync(fd);
  }
}
