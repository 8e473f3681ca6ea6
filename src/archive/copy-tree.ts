import { closeSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import type { IdMappings } from "../spec/index.ts";
import { AT_EMPTY_PATH, type Native, O_DIRECTORY, O_PATH } from "../sys/index.ts";
import { cleanPath, fromText } from "./byte-string.ts";
import { openDirectory, openInRoot } from "./directories.ts";
import { behindFile, sourceIsFile } from "./errors.ts";
import { Extractor } from "./extractor.ts";
import { applyToFd } from "./metadata.ts";
import { ownerOnHost } from "./owners.ts";
import { pack } from "./pack.ts";
import { emptyEntry } from "./tar-format.ts";
import { TarReader } from "./tar-reader.ts";
import { fdXattrs, fillStatus } from "./tree-entry.ts";
import type { ByteString, DirectoryRef } from "./types.ts";
import { isGone } from "./walk.ts";
import type { Tasks } from "./worker-protocol.ts";

/**
 * Copies a directory's content and its own attributes into another. One way through the tar code, so that whatever an
 * archive keeps a copy keeps, too: owners, modes, times, xattrs, hard links, devices, holes.
 */
export function copyTree(native: Native, from: DirectoryRef, to: DirectoryRef, ids?: IdMappings): undefined {
  const target = openDirectory(native, to);
  try {
    using extractor = new Extractor(native, target, { whiteouts: "keep", ids });
    const reader = new TarReader(extractor);
    for (const chunk of pack(native, { root: from, whiteouts: "none" })) reader.push(chunk);
    reader.finish();
    extractor.finish();
    copyRoot(native, from, target, ids);
  } finally {
    closeSync(target);
  }
  return undefined;
}

/**
 * The directory that the path names within the root, links resolved there; false when there is none.
 * @throws unknown, in Docker's words, when the path names a file, or leads through one.
 */
export function copyWithin(native: Native, { root, path, to, ids }: Tasks["copyWithin"]["args"]): boolean {
  const rootFd = openDirectory(native, root);
  try {
    const inside = cleanPath(`/${fromText(path)}`);
    const from = openSource(native, rootFd, inside, path);
    try {
      copyTree(native, { fd: from }, to, ids);
      return true;
    } finally {
      closeSync(from);
    }
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}

function openSource(native: Native, root: number, inside: ByteString, shown: string): number {
  try {
    return openInRoot(native, root, inside, O_DIRECTORY);
  } catch (error) {
    if (errnoOf(error) !== "ENOTDIR") throw error;
    throw isThere(native, root, inside) ? sourceIsFile(shown) : behindFile(shown);
  }
}

function isThere(native: Native, root: number, path: ByteString): boolean {
  try {
    closeSync(openInRoot(native, root, path, O_PATH));
    return true;
  } catch {
    return false;
  }
}

function copyRoot(native: Native, from: DirectoryRef, target: number, ids: IdMappings | undefined): void {
  const source = openDirectory(native, from);
  try {
    const entry = emptyEntry("directory", "");
    const status = native.statx(source, "", AT_EMPTY_PATH);
    fillStatus(entry, status);
    entry.xattrs = fdXattrs(native, source);
    applyToFd(native, target, entry, ownerOnHost(entry, ids), status.mtime);
  } finally {
    closeSync(source);
  }
}
