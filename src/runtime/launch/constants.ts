/** Numbers of the Linux UAPI that only a launch needs (linux/sched.h, linux/mount.h, asm-generic/resource.h). */

import type { NamespaceKind } from "../../spec/index.ts";

export const CLONE: Readonly<Record<NamespaceKind, number>> = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
};

export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_ATIME_MASK = 0x70;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

/** The resource limits that berth sets, by the runtime spec's names. */
export const RLIMITS: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

export const RLIM_INFINITY = 2n ** 64n - 1n;

/** Slots of the plan. */
export const SLOT_ROOT = 0;
export const SLOT_CGROUP = 1;
export const SLOT_FIRST_MOUNT = 8;
