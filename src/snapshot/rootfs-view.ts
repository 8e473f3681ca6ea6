import { closeSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf } from "../base/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_STRING,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  MS_NODEV,
  MS_RDONLY,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  OPEN_TREE_CLONE,
} from "../sys/index.ts";
import type { RootfsMount } from "./types.ts";

/** A rootfs as an open directory; `path` leads to it as long as it is open, for what knows no descriptors. */
interface RootfsView extends AsyncDisposable {
  readonly fd: number;
  readonly path: string;
}

type Overlay = Extract<RootfsMount, { type: "overlay" }>;

/**
 * Looks into rootfs that no container has mounted, through mounts that stand in no mount table: they end with their
 * descriptor, also when the process is killed. Device files in them cannot be opened.
 * @param options `legacy`: as on kernels before 6.5, whose fsconfig(2) cannot take many lower directories; such a mount
 *   stands for an instant in a folder of `place`.
 */
export function createRootfsViews(options: { native: Native; legacy?: boolean; place?: string }): {
  open(mount: RootfsMount): Promise<RootfsView>;
} {
  const { native, place = tmpdir() } = options;
  return {
    open: async (mount) => {
      const tree = await (mount.type === "bind"
        ? openBind(native, mount.source, mount.readOnly)
        : openOverlay(native, mount, place, options.legacy === true));
      try {
        // A detached mount's own descriptor is O_PATH-like; directories are read and synced through a real one.
        const fd = native.openat2(tree, ".", O_DIRECTORY, 0, 0);
        return view(fd);
      } finally {
        closeSync(tree);
      }
    },
  };
}

/** The same tree, to be read only: a writable directory is the first of those below, so that no work directory is needed. */
export function readOnlyMount(mount: RootfsMount): RootfsMount {
  if (mount.type === "bind") return { ...mount, readOnly: true };
  const lower = [...(mount.upper === undefined ? [] : [mount.upper]), ...mount.lower];
  return { type: "overlay", lower, upper: undefined, work: undefined };
}

function view(fd: number): RootfsView {
  return {
    fd,
    path: `/proc/self/fd/${fd}`,
    // Closing the last descriptor ends the mount.
    [Symbol.asyncDispose]: async () => closeSync(fd),
  };
}

async function openBind(native: Native, source: string, readOnly: boolean): Promise<number> {
  const tree = native.openTree(AT_FDCWD, source, OPEN_TREE_CLONE);
  try {
    restrict(native, tree, readOnly);
    return tree;
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

function restrict(native: Native, tree: number, readOnly: boolean): void {
  const attributes = MOUNT_ATTR_NODEV | (readOnly ? MOUNT_ATTR_RDONLY : 0);
  native.mountSetattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes, 0, 0, 0);
}

async function openOverlay(native: Native, mount: Overlay, place: string, legacy: boolean): Promise<number> {
  // Short names for long paths: fsconfig(2) takes 255 bytes, mount(2) one page in all.
  using folders = new Folders(native);
  const lower = mount.lower.map((path) => folders.open(path));
  const upper = mount.upper === undefined ? undefined : folders.open(mount.upper);
  const work = mount.work === undefined ? undefined : folders.open(mount.work);
  if (legacy) return await mountAndTake(native, { lower, upper, work }, place);
  try {
    return await configure(native, { lower, upper, work });
  } catch (error) {
    // Before Linux 6.5 overlay knows no `lowerdir+`.
    if (errnoOf(error) !== "EINVAL") throw error;
    return await mountAndTake(native, { lower, upper, work }, place);
  }
}

interface Layers {
  lower: readonly string[];
  upper: string | undefined;
  work: string | undefined;
}

/**
 * Features that move or split a file between layers are off, whatever the kernel's default: a layer must be whole in its
 * own directory, to be packed from there.
 */
const PLAIN: readonly [string, string][] = [
  ["redirect_dir", "off"],
  ["metacopy", "off"],
  ["index", "off"],
];

async function configure(native: Native, layers: Layers): Promise<number> {
  const context = native.fsopen("overlay");
  try {
    const set = (key: string, value: string) => native.fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
    for (const lower of layers.lower) await set("lowerdir+", lower);
    if (layers.upper !== undefined) await set("upperdir", layers.upper);
    if (layers.work !== undefined) await set("workdir", layers.work);
    for (const [key, value] of PLAIN) await set(key, value);
    await native.fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0);
    return native.fsmount(context, MOUNT_ATTR_NODEV | (layers.upper === undefined ? MOUNT_ATTR_RDONLY : 0));
  } finally {
    closeSync(context);
  }
}

/** mount(2) needs a place: it is taken from there at once. */
async function mountAndTake(native: Native, layers: Layers, folder: string): Promise<number> {
  const place = mkdtempSync(join(folder, "berth-view-"));
  try {
    const options = [
      `lowerdir=${layers.lower.join(":")}`,
      ...(layers.upper === undefined ? [] : [`upperdir=${layers.upper}`]),
      ...(layers.work === undefined ? [] : [`workdir=${layers.work}`]),
      ...PLAIN.map(([key, value]) => `${key}=${value}`),
    ];
    const flags = MS_NODEV | (layers.upper === undefined ? MS_RDONLY : 0);
    await native.mount("overlay", place, "overlay", flags, options.join(","));
    try {
      return native.openTree(AT_FDCWD, place, OPEN_TREE_CLONE);
    } finally {
      await native.umount2(place, MNT_DETACH);
    }
  } finally {
    rmdirSync(place);
  }
}

/** Open folders by short paths. */
class Folders implements Disposable {
  readonly #native: Native;
  readonly #fds: number[] = [];

  constructor(native: Native) {
    this.#native = native;
  }

  open(path: string): string {
    const fd = this.#native.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    this.#fds.push(fd);
    return `/proc/self/fd/${fd}`;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}
