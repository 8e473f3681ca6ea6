import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Archiver } from "../archive/index.ts";
import type { StorageDriver } from "./driver.ts";
import { AT_FDCWD, RENAME_EXCHANGE, type Native } from "../sys/index.ts";
import { moveAway } from "./overlay2.ts";
import type { SnapshotChange } from "./types.ts";

/** Every layer is a whole copy of its parent: slow and large, but works on any file system. */
export function createVfs(options: {
  root: string;
  archiver: Archiver;
  native: Pick<Native, "fileSteps" | "renameat2">;
}): StorageDriver {
  const { archiver } = options;
  const home = join(options.root, "vfs", "dir");
  const directoryOf = (id: string) => join(home, id);
  const parentOf = (ancestors: readonly string[]) =>
    ancestors[0] === undefined ? undefined : directoryOf(ancestors[0]);
  const changesOf = (id: string, ancestors: readonly string[]): Promise<SnapshotChange[]> => {
    const parent = parentOf(ancestors);
    return archiver.treeChanges(parent === undefined ? undefined : { path: parent }, { path: directoryOf(id) });
  };

  return {
    name: "vfs",
    home,

    open: async () => {
      await mkdir(home, { recursive: true, mode: 0o710 });
    },

    create: async ({ id, ancestors }) => {
      await mkdir(directoryOf(id), { mode: 0o755 });
      const parent = parentOf(ancestors);
      if (parent !== undefined) await archiver.copyTree({ path: parent }, { path: directoryOf(id) });
    },

    exchange: (one, other) =>
      options.native.renameat2(AT_FDCWD, directoryOf(one.id), AT_FDCWD, directoryOf(other.id), RENAME_EXCHANGE),

    discard: (id, trash) => moveAway(options.native, directoryOf(id), join(trash, id)),

    unpackTarget: ({ id }) => ({ directory: directoryOf(id), whiteouts: "apply" }),
    mount: ({ id, kind }) => ({ type: "bind", source: directoryOf(id), readOnly: kind === "committed" }),

    usage: async ({ id, ancestors }) => {
      const own = await archiver.usage({ path: directoryOf(id) });
      const parent = parentOf(ancestors);
      if (parent === undefined) return own;
      const before = await archiver.usage({ path: parent });
      return { bytes: Math.max(0, own.bytes - before.bytes), inodes: Math.max(0, own.inodes - before.inodes) };
    },

    changes: ({ id, ancestors }) => changesOf(id, ancestors),

    diff: async function* ({ id, ancestors }, signal) {
      const changes = await changesOf(id, ancestors);
      const paths = changes.map(({ path, kind }) => ({ path, deleted: kind === "deleted" }));
      yield* archiver.pack({ root: { path: directoryOf(id) }, paths, whiteouts: "none", signal });
    },

    graphData: () => ({}),
    directories: () => readdir(home),
  };
}
