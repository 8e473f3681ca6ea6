import { existsSync } from "node:fs";
import { invalid, unavailable } from "../../base/index.ts";
import { noSystemd, PRIVATE_SOCKET, SystemdManager } from "../systemd/index.ts";
import { findHierarchies, isUnified } from "./hierarchies.ts";
import { SystemdCgroups } from "./systemd.ts";
import type { CgroupDriver } from "./types.ts";
import { CgroupV1 } from "./v1.ts";
import { CgroupV2 } from "./v2.ts";

export { freezeAll, killCgroup, listProcesses, removeCgroup, signalProcesses, waitUntilEmpty } from "./processes.ts";
export { cgroupPath, slicePath } from "./slices.ts";
export type * from "./types.ts";
export { applyWrites } from "./update.ts";

/**
 * The driver for this host's cgroups.
 * @param driver `native.cgroupdriver` of the configuration.
 * @throws invalid for a driver that is not there; unavailable when no cgroups are mounted or systemd does not run.
 */
export async function openCgroups(driver: string = "cgroupfs"): Promise<CgroupDriver> {
  if (driver !== "cgroupfs" && driver !== "systemd") {
    throw invalid(`native.cgroupdriver option ${driver} is internally not supported`);
  }
  const hierarchies = await findHierarchies();
  if (driver === "systemd") {
    if (!existsSync(PRIVATE_SOCKET)) throw noSystemd();
    if (hierarchies.unified === undefined || !isUnified(hierarchies)) {
      throw invalid("native.cgroupdriver=systemd needs cgroup v2 alone: leave the option out to use cgroupfs");
    }
    return new SystemdCgroups(hierarchies.unified, new SystemdManager());
  }
  if (isUnified(hierarchies) && hierarchies.unified !== undefined) return new CgroupV2(hierarchies.unified);
  if (hierarchies.v1.length > 0) return new CgroupV1(hierarchies);
  throw unavailable("no cgroups are mounted: mount them beneath /sys/fs/cgroup");
}
