import { existsSync } from "node:fs";
import { invalid, unavailable } from "../../base/index.ts";
import { noSystemd, PRIVATE_SOCKET, SystemdManager } from "../systemd/index.ts";
import { findHierarchies, isUnified } from "./hierarchies.ts";
import { SystemdCgroups } from "./systemd.ts";
import type { CgroupDriver, CgroupOptions } from "./types.ts";
import { CgroupV1 } from "./v1.ts";
import { CgroupV2 } from "./v2.ts";

export { freezeAll, killCgroup, listProcesses, removeCgroup, signalProcesses, waitUntilEmpty } from "./processes.ts";
export { cgroupPath, slicePath } from "./slices.ts";
export type * from "./types.ts";
export { applyWrites } from "./update.ts";

const NO_REALTIME = { period: 0, runtime: 0 };

/**
 * The driver for this host's cgroups.
 * @throws invalid for a driver or limits that are not there; unavailable when no cgroups are mounted or systemd does not run.
 */
export async function openCgroups({
  driver = "cgroupfs",
  realtime = NO_REALTIME,
}: CgroupOptions = {}): Promise<CgroupDriver> {
  if (driver !== "cgroupfs" && driver !== "systemd") {
    throw invalid(`native.cgroupdriver option ${driver} is internally not supported`);
  }
  const hierarchies = await findHierarchies();
  if (isUnified(hierarchies) && (realtime.period !== 0 || realtime.runtime !== 0)) {
    throw invalid("daemon-scoped cpu-rt-period and cpu-rt-runtime are not implemented for cgroup v2");
  }
  if (driver === "systemd") {
    if (!existsSync(PRIVATE_SOCKET)) throw noSystemd();
    if (hierarchies.unified === undefined || !isUnified(hierarchies)) {
      throw invalid("native.cgroupdriver=systemd needs cgroup v2 alone: leave the option out to use cgroupfs");
    }
    return new SystemdCgroups(hierarchies.unified, new SystemdManager());
  }
  if (isUnified(hierarchies) && hierarchies.unified !== undefined) return new CgroupV2(hierarchies.unified);
  if (hierarchies.v1.length > 0) return new CgroupV1(hierarchies, realtime);
  throw unavailable("no cgroups are mounted: mount them beneath /sys/fs/cgroup");
}
