import { readdirSync, readlinkSync } from "node:fs";

/** A process's open files, counted by kind: `socket`, `pipe`, `anon_inode`, `net`, or the path of a file. */
export function openFiles(pid: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(pid, fd);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function kindOf(pid: number, fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/^(\w+):\[.*/, "$1");
  } catch {
    return undefined; // closed meanwhile
  }
}

/** Kinds of which `now` has more than `before`, one line each. */
export function moreOpenFiles(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
  return [...now]
    .filter(([kind, count]) => count > (before.get(kind) ?? 0))
    .map(([kind, count]) => `descriptors ${kind}: ${before.get(kind) ?? 0} -> ${count}`);
}
