import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import type { Native } from "../../sys/index.ts";
import { toBytes } from "../byte-string.ts";
import { entryOf, fdXattrs, openFile } from "../tree-entry.ts";
import type { TarEntry } from "../tar-format.ts";
import { type Visit, walk } from "../walk.ts";

/**
 * A tree as lines, one an entry: everything that must come out of an archive as it went in. Two trees are the same when
 * their lines are.
 */
export function describeTree(native: Native, path: string): string[] {
  const links = new Map<string, number>();
  const lines: string[] = [];
  for (const visit of walk(native, { path })) {
    const entry = entryOf(native, visit.directory, visit.name, visit.path, visit.status);
    if (entry === undefined) continue;
    lines.push(line(entry, contentOf(native, visit, entry), linkGroup(links, visit)));
  }
  return lines;
}

function line(entry: TarEntry, content: string, links: string): string {
  const time = `${entry.mtime}.${String(entry.mtimeNanos).padStart(9, "0")}`;
  const xattrs = [...entry.xattrs].map(([name, value]) => `${name}=${toBytes(value).toString("hex")}`).sort();
  return [
    JSON.stringify(entry.name),
    entry.type,
    entry.mode.toString(8),
    `${entry.uid}:${entry.gid}`,
    time,
    entry.linkName,
    entry.type === "char" || entry.type === "block" ? `${entry.devMajor}:${entry.devMinor}` : "",
    content,
    links,
    ...xattrs,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** Hash and size of a file; its xattrs come from the same descriptor. */
function contentOf(native: Native, visit: Visit, entry: TarEntry): string {
  if (entry.type !== "file") return "";
  const fd = openFile(native, visit.directory, visit.name);
  try {
    entry.xattrs = fdXattrs(native, fd);
    const hash = createHash("sha256");
    const buffer = Buffer.alloc(1 << 20);
    for (let position = 0; ;) {
      const got = readSync(fd, buffer, 0, buffer.length, position);
      if (got === 0) break;
      hash.update(buffer.subarray(0, got));
      position += got;
    }
    return `${entry.size} ${hash.digest("hex").slice(0, 16)}`;
  } finally {
    closeSync(fd);
  }
}

/** Names of one inode get the same number. */
function linkGroup(links: Map<string, number>, { status }: Visit): string {
  if (status.nlink < 2 || (status.mode & 0o170000) === 0o040000) return "";
  const inode = `${status.devMajor}:${status.devMinor}:${status.ino}`;
  const group = links.get(inode) ?? links.size;
  links.set(inode, group);
  return `link#${group}`;
}
