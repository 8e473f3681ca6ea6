import type { FilesystemChange } from "../../api/index.ts";
import type { Snapshotter } from "../../snapshot/index.ts";
import type { ContainerEntry } from "../entry.ts";

const KINDS = { modified: 0, added: 1, deleted: 2 } as const;

/** What the engine itself puts into a root file system, as places to mount at: no change of the container's. */
const STUBS = new Set([
  "/.dockerenv",
  "/dev",
  "/dev/console",
  "/dev/pts",
  "/dev/shm",
  "/dev/mqueue",
  "/etc",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/mtab",
  "/etc/resolv.conf",
  "/proc",
  "/sys",
]);

/** `docker diff`. */
export async function changesOf(entry: ContainerEntry, snapshotter: Snapshotter): Promise<FilesystemChange[]> {
  const all = await snapshotter.changes(entry.id);
  const targets = new Set([...STUBS, ...entry.record.mounts.map((mount) => mount.target)]);
  const own = all.filter(
    ({ path, kind, itself }) => kind === "deleted" || (kind === "modified" && itself) || !isStub(path, targets, all),
  );
  return own.map(({ path, kind }) => ({ Path: path, Kind: KINDS[kind] }));
}

/** A stub counts as a change only when something of the container's own is beneath it. */
function isStub(path: string, targets: ReadonlySet<string>, all: readonly { path: string }[]): boolean {
  if (!targets.has(path)) return false;
  return !all.some((other) => other.path.startsWith(`${path}/`) && !targets.has(other.path));
}
