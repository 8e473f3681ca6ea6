import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, statSync, type Stats } from "node:fs";
import { join } from "node:path";
import { emptyEntry, formatHeader, paddingOf, type TarEntry, TRAILER } from "../archive/index.ts";

const PIECE = 1 << 18;

/** A path of this machine as a tar, its root under the given name (`.`: its contents). */
export function packTree(
  root: string,
  options: { name: string; followRoot: boolean },
): { chunks: AsyncIterable<Uint8Array>; size(): number } {
  let size = 0;
  const links = new Map<string, string>();
  async function* chunks(): AsyncIterable<Uint8Array> {
    for (const piece of walk(root, options.name, options.followRoot, links)) {
      size += piece.length;
      yield piece;
    }
    yield TRAILER;
  }
  return { chunks: chunks(), size: () => size };
}

function* walk(path: string, name: string, follow: boolean, links: Map<string, string>): Iterable<Uint8Array> {
  const status = follow ? statSync(path) : lstatSync(path);
  const entry = entryOf(path, name, status, links);
  if (entry === undefined) return;
  yield formatHeader(entry);
  if (entry.type === "file") yield* content(path, entry.size);
  if (!status.isDirectory()) return;
  for (const child of readdirSync(path).sort())
    yield* walk(join(path, child), name === "." ? child : `${name}/${child}`, false, links);
}

/** Undefined for what a tar cannot hold (sockets). */
function entryOf(path: string, name: string, status: Stats, links: Map<string, string>): TarEntry | undefined {
  const bytes = Buffer.from(name).toString("latin1");
  const type = status.isDirectory()
    ? "directory"
    : status.isSymbolicLink()
      ? "symlink"
      : status.isFile()
        ? "file"
        : status.isFIFO()
          ? "fifo"
          : status.isCharacterDevice()
            ? "char"
            : status.isBlockDevice()
              ? "block"
              : undefined;
  if (type === undefined) return undefined;
  const common = {
    ...emptyEntry(type, bytes),
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtime: Math.floor(status.mtimeMs / 1000),
  };
  if (type === "symlink") return { ...common, linkName: readlinkSync(path, "latin1") };
  if (type === "char" || type === "block") return { ...common, ...deviceNumber(status.rdev) };
  if (type !== "file") return common;
  const key = `${status.dev}:${status.ino}`;
  const first = links.get(key);
  if (status.nlink > 1 && first !== undefined) return { ...common, type: "hardlink", linkName: first };
  links.set(key, bytes);
  return { ...common, size: status.size };
}

/** makedev(3) taken apart. */
function deviceNumber(rdev: number): { devMajor: number; devMinor: number } {
  const value = BigInt(rdev);
  return {
    devMajor: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    devMinor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}

/** Exactly `size` bytes, whatever happens to the file meanwhile, and the padding. */
function* content(path: string, size: number): Iterable<Uint8Array> {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE, size));
    for (let left = size; left > 0;) {
      const room = Math.min(buffer.length, left);
      const count = readSync(file, buffer, 0, room, null);
      if (count === 0) buffer.fill(0);
      const piece = buffer.subarray(0, count === 0 ? room : count);
      left -= piece.length;
      yield piece;
    }
  } finally {
    closeSync(file);
  }
  const padding = paddingOf(size);
  if (padding > 0) yield Buffer.alloc(padding);
}
