import { invalid, unavailable } from "../../base/index.ts";
import { findHierarchies, isUnified } from "./hierarchies.ts";
import type { CgroupDriver } from "./types.ts";
import { CgroupV1 } from "./v1.ts";
import { CgroupV2 } from "./v2.ts";

export { killCgroup, listProcesses, removeCgroup, signalProcesses, waitUntilEmpty } from "./processes.ts";
export type * from "./types.ts";
export { applyWrites } from "./update.ts";

/**
 * The driver for this host's cgroups.
 * @param driver `native.cgroupdriver` of the configuration.
 * @throws invalid for a driver that is not there; unavailable when no cgroups are mounted.
 */
export async function openCgroups(driver: string = "cgroupfs"): Promise<CgroupDriver> {
  if (driver === "systemd") {
    throw invalid("native.cgroupdriver=systemd is not supported: leave the option out to use cgroupfs");
  }
  if (driver !== "cgroupfs") throw invalid(`native.cgroupdriver option ${driver} is internally not supported`);
  const hierarchies = await findHierarchies();
  if (isUnified(hierarchies) && hierarchies.unified !== undefined) return new CgroupV2(hierarchies.unified);
  if (hierarchies.v1.length > 0) return new CgroupV1(hierarchies);
  throw unavailable("no cgroups are mounted: mount them beneath /sys/fs/cgroup");
}

/**
 * The container's place in the hierarchy: Docker's `<parent>/<id>`.
 * @param spec `linux.cgroupsPath`.
 * @throws invalid when it steps out.
 */
export function cgroupPath(spec: string): string {
  const names = spec.split("/").filter((name) => name !== "" && name !== ".");
  if (names.length === 0 || names.includes("..")) throw invalid(`invalid cgroup path: ${spec}`);
  return `/${names.join("/")}`;
}
