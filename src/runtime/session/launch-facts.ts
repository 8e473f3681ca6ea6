import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { errnoOf } from "../../base/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import type { MountSpec } from "../../spec/index.ts";
import type { LaunchFacts } from "../launch/index.ts";
import { layeredDirectoryMode, type LayerCalls } from "../users/index.ts";

const kcore = existsSync("/proc/kcore");

/** Looks up what the plan compiler must know of bind sources and of the image. */
export async function gatherLaunchFacts(
  mounts: readonly MountSpec[],
  rootfs: RootfsMount,
  calls: LayerCalls,
): Promise<LaunchFacts> {
  const sources = new Map<string, "directory" | "file">();
  const directoryModes = new Map<string, number>();
  const binds = mounts.filter(({ type }) => type === "bind");
  await Promise.all(
    binds.map(async ({ source }) => {
      const kind = await kindOf(source);
      if (kind !== undefined) sources.set(source, kind);
    }),
  );
  for (const { type, destination, options } of mounts) {
    if (type !== "tmpfs" || options.some((option) => option.startsWith("mode="))) continue;
    const mode = layeredDirectoryMode(calls, rootfs, destination);
    if (mode !== undefined) directoryModes.set(destination, mode);
  }
  return { sources, directoryModes, kcore };
}

async function kindOf(path: string): Promise<"directory" | "file" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "directory" : "file";
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw error;
  }
}
