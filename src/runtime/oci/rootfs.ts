import { closeSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { errnoOf, invalid, unavailable } from "../../base/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import type { MountSpec } from "../../spec/index.ts";
import {
  AT_FDCWD,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_STRING,
  MNT_DETACH,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_BIND,
  UMOUNT_NOFOLLOW,
  type BlockingCalls,
  type FastCalls,
} from "../../sys/index.ts";

export type MountCalls = Pick<BlockingCalls, "mount" | "umount2" | "fsconfig"> &
  Pick<FastCalls, "fsopen" | "fsmount" | "moveMount">;

/** mount(2) copies one page of options. */
const MAX_OPTIONS = 4095;
const STACKED_MAX = 16;

/** Other runtimes want the root file system at a path: it is mounted there, in the host's mount table. */
export async function mountRootfs(calls: MountCalls, rootfs: RootfsMount, target: string): Promise<void> {
  if (rootfs.type === "bind") return await calls.mount(rootfs.source, target, null, MS_BIND, null);
  const { lower, upper, work } = rootfs;
  const top = upper === undefined || work === undefined ? [] : [`upperdir=${upper}`, `workdir=${work}`];
  const options = [`lowerdir=${lower.join(":")}`, ...top].join(",");
  if (options.length <= MAX_OPTIONS) return await calls.mount("overlay", target, "overlay", 0, options);
  await mountManyLayers(calls, rootfs, target);
}

async function mountManyLayers(
  calls: MountCalls,
  { lower, upper, work }: Extract<RootfsMount, { type: "overlay" }>,
  target: string,
): Promise<void> {
  const context = calls.fsopen("overlay");
  try {
    const set = (key: string, value: string) => calls.fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
    for (const layer of lower) await set("lowerdir+", layer);
    if (upper !== undefined && work !== undefined) {
      await set("upperdir", upper);
      await set("workdir", work);
    }
    await calls.fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0);
    const mount = calls.fsmount(context, 0);
    try {
      calls.moveMount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(context);
  }
}

/**
 * Unmounts what stands at `target`, however often it was mounted.
 * @throws unavailable when something is still there: its files are the container's and must not be removed.
 */
export async function unmountRootfs(calls: MountCalls, target: string): Promise<void> {
  for (let tries = 0; tries < STACKED_MAX; tries++) {
    try {
      await calls.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EINVAL" || errno === "ENOENT") return; // not mounted
      throw error;
    }
  }
  throw unavailable(`${target} is still mounted`);
}

/** Another runtime follows links in a bind's source: they are followed here, and must not leave the directory. */
export async function resolveBounded(mounts: readonly MountSpec[]): Promise<MountSpec[]> {
  return await Promise.all(
    mounts.map(async (mount) => {
      if (mount.beneath === undefined) return mount;
      const [root, source] = await Promise.all([realpath(mount.beneath), realpath(mount.source)]);
      if (source !== root && !source.startsWith(`${root}/`)) {
        throw invalid(`mount source ${mount.source} leaves ${mount.beneath}`);
      }
      return { ...mount, source };
    }),
  );
}
