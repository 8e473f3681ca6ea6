import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { unavailable } from "../base/index.ts";
import { STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID } from "./constants.ts";
import { decodeEntries, decodeNames, decodeStatfs, decodeStatx } from "./decode.ts";
import type { BlockingCalls, FastCalls, Native, PathLike, PeerCalls, Synchronous } from "./types.ts";

/** What the addon exports where that differs from the typed door: bytes instead of values. */
interface RawBytes {
  statx(dirfd: number, path: PathLike, flags: number, mask: number): Buffer;
  getdents(fd: number): Buffer;
  listxattr(path: PathLike): Buffer;
  llistxattr(path: PathLike): Buffer;
  flistxattr(fd: number): Buffer;
  fstatfs(fd: number): Buffer;
  pidfdEnded(pidfd: number): number;
}

type Waiting = Synchronous<Omit<BlockingCalls, "statfs">>;
type Later = {
  [K in Exclude<keyof BlockingCalls, "statfs"> as `${K}Async`]: BlockingCalls[K];
};

export type Addon = RawBytes &
  Omit<FastCalls, keyof RawBytes> &
  PeerCalls &
  Waiting &
  Later & { statfs(path: PathLike): Buffer; statfsAsync(path: PathLike): Promise<Buffer> };

const STATX_MASK = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;

/**
 * Loads the addon and gives the door to the kernel.
 * @param path of `berth.node`; by default `BERTH_ADDON`, else `build/berth.node` of a source tree. A compiled
 *   executable passes the path of its embedded copy.
 * @throws unavailable when there is none or it cannot be loaded.
 */
export function loadNative(path: string = defaultPath()): Native {
  if (!existsSync(path)) throw unavailable(`the native addon is missing at ${path}: run native/addon/build.sh`);
  const load = createRequire(import.meta.url);
  // The addon's exports are the table in native/addon/calls.c, which Addon mirrors; the tests call every entry.
  return wrap(load(path) as Addon);
}

function defaultPath(): string {
  return process.env["BERTH_ADDON"] ?? fileURLToPath(new URL("../../build/berth.node", import.meta.url));
}

/** The typed door over the addon's exports: decodes bytes, names promises. */
export function wrap(addon: Addon): Native {
  return {
    ...addon,
    statx: (dirfd, path, flags) => decodeStatx(addon.statx(dirfd, path, flags, STATX_MASK)),
    getdents: (fd) => decodeEntries(addon.getdents(fd)),
    listxattr: (path) => decodeNames(addon.listxattr(path)),
    llistxattr: (path) => decodeNames(addon.llistxattr(path)),
    flistxattr: (fd) => decodeNames(addon.flistxattr(fd)),
    fstatfs: (fd) => decodeStatfs(addon.fstatfs(fd)),
    pidfdEnded: (pidfd) => addon.pidfdEnded(pidfd) > 0,

    mount: addon.mountAsync,
    umount2: addon.umount2Async,
    fsconfig: addon.fsconfigAsync,
    statfs: async (path) => decodeStatfs(await addon.statfsAsync(path)),
    fallocate: addon.fallocateAsync,
    copyFileRange: addon.copyFileRangeAsync,
    ficlone: addon.ficloneAsync,
    syncFileRange: addon.syncFileRangeAsync,
    syncfs: addon.syncfsAsync,
    fileSteps: addon.fileStepsAsync,
    readFiles: addon.readFilesAsync,
    netlinkRequest: addon.netlinkRequestAsync,

    waiting: {
      mount: addon.mount,
      umount2: addon.umount2,
      fsconfig: addon.fsconfig,
      statfs: (path) => decodeStatfs(addon.statfs(path)),
      fallocate: addon.fallocate,
      copyFileRange: addon.copyFileRange,
      ficlone: addon.ficlone,
      syncFileRange: addon.syncFileRange,
      syncfs: addon.syncfs,
      fileSteps: addon.fileSteps,
      readFiles: addon.readFiles,
      netlinkRequest: addon.netlinkRequest,
    },
  };
}
