import { posix } from "node:path";
import type { MountSpec } from "../../spec/index.ts";
import { initFailure } from "./errors.ts";

/** What FUSE file systems such as lxcfs put there, and no more. */
const ALLOWED = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/kernel/ns_last_pid sys/crypto/fips_enabled"
    .split(" ")
    .map((name) => `/proc/${name}`),
);

/**
 * Nothing may hide the container's procfs, where limits of the process are written (CVE-2019-16884 and its kin).
 * @throws LaunchError with runc's text.
 */
export function checkProcSafety(mount: MountSpec): void {
  const target = posix.normalize(mount.destination);
  if (target === "/proc" && mount.type !== "proc") {
    throw refused(mount, `"${target}" cannot be mounted because it is not of type proc`);
  }
  if (target.startsWith("/proc/") && !ALLOWED.has(target)) {
    throw refused(mount, `"${target}" cannot be mounted because it is inside /proc`);
  }
}

/** True for a target that is let through although it is on procfs. */
export function isOnProc(mount: MountSpec): boolean {
  return ALLOWED.has(posix.normalize(mount.destination));
}

function refused({ source, destination }: MountSpec, reason: string) {
  return initFailure(
    `error mounting "${source}" to rootfs at "${destination}": create mountpoint for ${destination} mount: ` +
      `check proc-safety of ${destination} mount: ${reason}`,
  );
}
