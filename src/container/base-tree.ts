import type { BaseEntry } from "../snapshot/index.ts";

/**
 * What every container has whatever its image: Docker's marks of a container, and the places that the engine mounts at.
 * It lies beneath the image's layers, so that it is no change of the container's.
 */
export const CONTAINER_BASE: readonly BaseEntry[] = [
  { kind: "file", path: "/.dockerenv" },
  { kind: "directory", path: "/dev/pts" },
  { kind: "directory", path: "/dev/shm" },
  { kind: "file", path: "/dev/console" },
  { kind: "file", path: "/etc/hostname" },
  { kind: "file", path: "/etc/hosts" },
  { kind: "file", path: "/etc/resolv.conf" },
  { kind: "link", path: "/etc/mtab", target: "/proc/mounts" },
  { kind: "directory", path: "/proc" },
  { kind: "directory", path: "/sys" },
];
