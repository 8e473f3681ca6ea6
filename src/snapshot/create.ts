import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Archiver } from "../archive/index.ts";
import { asEngineError, isKind, isReadOnly, type Logger, messageOf } from "../base/index.ts";
import type { Store } from "../store/index.ts";
import type { Native } from "../sys/index.ts";
import { driverUnusable } from "./errors.ts";
import { createOverlay2 } from "./overlay2.ts";
import { probeOverlay } from "./probe.ts";
import { StackedSnapshotter } from "./stacked-snapshotter.ts";
import type { BaseEntry, Snapshotter } from "./types.ts";
import { createVfs } from "./vfs.ts";

/**
 * The snapshotter of a data root. Without a wish it is the one whose folder is there already, else overlay2 where the
 * kernel and the file system can do it, else vfs.
 * @throws not-implemented when the wanted driver cannot work here.
 */
export async function createSnapshotter(options: {
  root: string;
  store: Store;
  archiver: Archiver;
  native: Native;
  driver?: Snapshotter["driver"] | undefined;
  /** What lies beneath the layers of every active snapshot, where the driver stacks layers. */
  base?: readonly BaseEntry[];
  logger: Logger;
}): Promise<Snapshotter> {
  const logger = options.logger.with({ module: "snapshot" });
  const driver = await choose({ ...options, logger });
  return await StackedSnapshotter.open({
    ...options,
    logger,
    driver: driver === "overlay2" ? createOverlay2(options) : createVfs(options),
  });
}

async function choose(options: {
  root: string;
  native: Native;
  driver?: Snapshotter["driver"] | undefined;
  logger: Logger;
}): Promise<Snapshotter["driver"]> {
  if (options.driver === "vfs") return "vfs";
  const wanted = options.driver === "overlay2";
  const made = existsSync(join(options.root, "overlay2"));
  // Nothing can be tried, and what there is was made by a driver that could.
  if (isReadOnly(options.root)) return wanted || made ? "overlay2" : "vfs";
  // Images that were loaded with vfs stay in sight, as with Docker's prior drivers.
  if (!wanted && !made && existsSync(join(options.root, "vfs"))) return "vfs";
  let why: string | undefined;
  try {
    why = await probeOverlay(options.root, options.native);
  } catch (error) {
    // The same on a full disk.
    if (made && isKind(asEngineError(error), "no-space")) return "overlay2";
    why = messageOf(error);
  }
  if (why === undefined) return "overlay2";
  if (wanted) throw driverUnusable("overlay2", why);
  options.logger.warn("overlay2 cannot be used: layers are copied (vfs)", { reason: why });
  return "vfs";
}
