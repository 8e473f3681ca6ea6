import { closeSync } from "node:fs";
import type { IdMappings } from "../spec/index.ts";
import { AT_EMPTY_PATH, type Native, O_DIRECTORY } from "../sys/index.ts";
import { cleanPath, fromText } from "./byte-string.ts";
import { openDirectory, openInRoot } from "./directories.ts";
import { Extractor } from "./extractor.ts";
import { applyToFd } from "./metadata.ts";
import { ownerOnHost } from "./owners.ts";
import { pack } from "./pack.ts";
import { emptyEntry } from "./tar-format.ts";
import { TarReader } from "./tar-reader.ts";
import { fdXattrs, fillStatus } from "./tree-entry.ts";
import type { DirectoryRef } from "./types.ts";
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

/** The directory that the path names within the root, links resolved there; false when there is none. */
export function copyWithin(native: Native, { root, path, to, ids }: Tasks["copyWithin"]["args"]): boolean {
  const rootFd = openDirectory(native, root);
  try {
    const from = openInRoot(native, rootFd, cleanPath(`/${fromText(path)}`), O_DIRECTORY);
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
