import { closeSync, readSync } from "node:fs";
import { errnoOf, invalid } from "../../base/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type FastCalls,
} from "../../sys/index.ts";

/** The calls that reading through layers needs. */
export type LayerCalls = Pick<FastCalls, "openat2" | "statx" | "readlinkat" | "fgetxattr">;

const MAX_LINKS = 40; // as the kernel's own walk (path_resolution(7))
const WITHIN = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/**
 * Reads files of a root file system that is mounted nowhere on the host, by the rules of overlay: upper over lower,
 * whiteouts, opaque directories. Links are followed by hand and end beneath the root. Nothing of the layers is trusted:
 * each step is opened beneath its layer without links, so a container that swaps directories meanwhile leads nowhere.
 * @param paths absolute.
 * @returns undefined where there is no such regular file.
 * @throws invalid when one is larger than `limit` bytes.
 */
export function readLayeredFiles(
  calls: LayerCalls,
  rootfs: RootfsMount,
  paths: readonly string[],
  limit: number,
): (string | undefined)[] {
  using layers = openLayers(calls, rootfs);
  const [only, ...others] = layers.fds;
  // Where nothing lies over anything, the kernel's own walk is the same.
  if (only !== undefined && others.length === 0) return paths.map((path) => readWithin(calls, only, path, limit));
  const known: KnownSteps = new Map();
  return paths.map((path) => readOne(calls, walk(calls, layers.fds, path, known), path, limit));
}

/** The kernel's own walk, which stays beneath the root as well. */
function readWithin(calls: LayerCalls, root: number, path: string, limit: number): string | undefined {
  const open = () => calls.openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  try {
    return readRegular(calls, open, path, limit);
  } catch (error) {
    // openat2(2): directories are moved about while it goes through `..`; by hand that does not matter.
    if (errnoOf(error) !== "EAGAIN") throw error;
    return readOne(calls, walk(calls, [root], path, new Map()), path, limit);
  }
}

function readOne(calls: LayerCalls, place: Place | undefined, path: string, limit: number): string | undefined {
  if (place === undefined) return undefined;
  return readRegular(calls, () => calls.openat2(place.layer, place.path, O_PATH | O_NOFOLLOW, 0, WITHIN), path, limit);
}

/** @param open with O_PATH: a device or a pipe is not opened, which alone can have effects, before it is known to be none. */
function readRegular(calls: LayerCalls, open: () => number, path: string, limit: number): string | undefined {
  let held: number;
  try {
    held = open();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  let fd: number | undefined;
  try {
    const status = calls.statx(held, "", AT_EMPTY_PATH);
    if ((status.mode & S_IFMT) !== S_IFREG) return undefined;
    if (status.size > BigInt(limit)) throw invalid(`${path} of the image is larger than ${limit} bytes`);
    fd = calls.openat2(AT_FDCWD, `/proc/self/fd/${held}`, O_RDONLY, 0, 0);
    return readBounded(fd, Number(status.size), limit).toString("utf8");
  } finally {
    if (fd !== undefined) closeSync(fd);
    closeSync(held);
  }
}

/**
 * The mode bits of a directory, as `readLayeredFiles` finds its files; undefined when there is none.
 * @param path absolute.
 */
export function layeredDirectoryMode(calls: LayerCalls, rootfs: RootfsMount, path: string): number | undefined {
  using layers = openLayers(calls, rootfs);
  const place = walk(calls, layers.fds, path, new Map());
  if (place === undefined) return undefined;
  const fd = calls.openat2(place.layer, place.path, O_PATH | O_NOFOLLOW, 0, WITHIN);
  try {
    const { mode } = calls.statx(fd, "", AT_EMPTY_PATH);
    return (mode & S_IFMT) === S_IFDIR ? mode & 0o7777 : undefined;
  } finally {
    closeSync(fd);
  }
}

/** @param size what the file is thought to have. */
function readBounded(fd: number, size: number, limit: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; total < limit;) {
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(size + 1 - total, 512), 65536, limit - total));
    const count = readSync(fd, chunk);
    chunks.push(chunk.subarray(0, count));
    total += count;
    if (count < chunk.length) break; // a regular file's end
  }
  return Buffer.concat(chunks);
}

function openLayers(calls: LayerCalls, rootfs: RootfsMount): Disposable & { fds: number[] } {
  const paths =
    rootfs.type === "bind" ? [rootfs.source] : [...(rootfs.upper === undefined ? [] : [rootfs.upper]), ...rootfs.lower];
  const fds: number[] = [];
  const close = () => fds.forEach((fd) => closeSync(fd));
  try {
    for (const path of paths) fds.push(calls.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0));
  } catch (error) {
    close();
    throw error;
  }
  return { fds, [Symbol.dispose]: close };
}

interface Place {
  layer: number;
  /** Relative to the layer's root; "." is the root itself. */
  path: string;
}

/** What names of the root are, for the time of one look at the layers. */
type KnownSteps = Map<string, Found | undefined>;

/** Follows `path` over the layers to the one that holds what is there, links resolved. */
function walk(calls: LayerCalls, layers: number[], path: string, known: KnownSteps): Place | undefined {
  const root = layers.map((layer) => ({ layer, path: "." }));
  /** The directory so far, as the places that make it up, for each level: `..` goes one up and stays at the root. */
  let trail: Place[][] = [root];
  const names = path.split("/");
  for (let links = 0; names.length > 0;) {
    const name = names.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const directory = trail.at(-1) ?? root;
    const atRoot = directory === root;
    const found = atRoot && known.has(name) ? known.get(name) : step(calls, directory, name);
    if (atRoot) known.set(name, found);
    if (found === undefined) return undefined;
    if (found.kind === "directory") {
      trail.push(found.places);
    } else if (found.kind === "link") {
      if (++links > MAX_LINKS) return undefined;
      if (found.target.startsWith("/")) trail = [root];
      names.unshift(...found.target.split("/"));
    } else {
      return names.length === 0 ? found.place : undefined;
    }
  }
  return (trail.at(-1) ?? root)[0];
}

type Found = { kind: "directory"; places: Place[] } | { kind: "link"; target: string } | { kind: "file"; place: Place };

/** What `name` is in a directory that several layers make up. */
function step(calls: LayerCalls, directory: Place[], name: string): Found | undefined {
  const places: Place[] = [];
  for (const [index, { layer, path }] of directory.entries()) {
    const place = { layer, path: `${path}/${name}` };
    const entry = look(calls, place, index < directory.length - 1);
    if (entry === undefined) continue;
    if (entry.kind === "directory") {
      places.push(place);
      if (entry.opaque) break;
      continue;
    }
    // A whiteout, or a file beneath a directory: what is lower is hidden.
    if (places.length > 0 || entry.kind === "whiteout") break;
    return entry.kind === "link" ? entry : { kind: "file", place };
  }
  return places.length === 0 ? undefined : { kind: "directory", places };
}

type Entry = { kind: "directory"; opaque: boolean } | { kind: "link"; target: string } | { kind: "file" | "whiteout" };

/** @param hides whether there is something beneath that an opaque directory would hide. */
function look(calls: LayerCalls, { layer, path }: Place, hides: boolean): Entry | undefined {
  let fd: number;
  try {
    fd = calls.openat2(layer, path, O_PATH | O_NOFOLLOW, 0, WITHIN);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const status = calls.statx(fd, "", AT_EMPTY_PATH);
    switch (status.mode & S_IFMT) {
      case S_IFDIR:
        return { kind: "directory", opaque: hides && isOpaque(calls, layer, path) };
      case S_IFLNK:
        return { kind: "link", target: calls.readlinkat(fd, "").toString("utf8") };
      case S_IFCHR:
        // overlay: a whiteout is a 0/0 character device
        return { kind: status.rdevMajor === 0 && status.rdevMinor === 0 ? "whiteout" : "file" };
      default:
        return { kind: "file" };
    }
  } finally {
    closeSync(fd);
  }
}

function isOpaque(calls: LayerCalls, layer: number, path: string): boolean {
  let fd: number | undefined;
  try {
    // Attributes cannot be read through O_PATH.
    fd = calls.openat2(layer, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, WITHIN);
    return calls.fgetxattr(fd, "trusted.overlay.opaque").toString() === "y";
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENODATA" || errno === "EOPNOTSUPP" || isAbsent(error)) return false;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENAMETOOLONG";
}
