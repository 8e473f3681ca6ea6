import type { BlockingCalls } from "../../sys/index.ts";
import type { LinuxResources } from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import type { CgroupStats } from "../types.ts";

/** What the host's cgroups can do: for `info`, its warnings, and the checks of a container's limits. */
export interface CgroupFacts {
  version: 1 | 2;
  driver: "cgroupfs" | "systemd";
  memoryLimit: boolean;
  swapLimit: boolean;
  kernelMemoryTcp: boolean;
  oomKillDisable: boolean;
  memorySwappiness: boolean;
  memoryReservation: boolean;
  cpuShares: boolean;
  cpuCfs: boolean;
  cpuRealtime: boolean;
  cpuset: boolean;
  pidsLimit: boolean;
  blkioWeight: boolean;
  blkioThrottle: boolean;
  hugetlb: boolean;
}

/** Microseconds of real-time scheduling for all containers together; 0: what the kernel gives, which is none at first. */
export interface Realtime {
  period: number;
  runtime: number;
}

/** What the configuration says of cgroups. */
export interface CgroupOptions {
  /** `native.cgroupdriver`; default cgroupfs. */
  driver?: string;
  realtime?: Realtime;
}

/** One file to write: in a plan at creation, by the daemon at update. */
export interface ResourceWrite {
  path: string;
  value: string;
  /** Errnos that are not failures: files that a kernel lacks and that only restate its default. */
  ignore?: string[];
}

/** How a process that is being made gets into its cgroup. */
export interface CgroupEntry {
  /** For the helper that makes it: what it joins is inherited. */
  ops: PlanOp[];
  /** The cgroup2 directory that the process is born in, or empty. */
  born: string;
  /**
   * A file to write "0" to where processes are counted, undefined: none. While a helper is in there too, a limit of one
   * process leaves no room for the one that it makes.
   */
  counted: string | undefined;
}

/** Another program that cgroups of containers are arranged with. Paths that are not its own it leaves alone. */
export interface CgroupManager {
  /**
   * Makes the place of a container's cgroup around its supervisor, before the cgroup itself is made.
   * @throws unavailable with the manager's reason.
   */
  adopt(path: string, supervisor: number, resources: LinuxResources): Promise<void>;
  /** Tells of limits that have changed; the container's cgroup has them already. */
  update(path: string, resources: LinuxResources): Promise<void>;
  /** Gives the place up; every process of it has been killed. Idempotent. */
  dismiss(path: string): Promise<void>;
}

/** One version's way of doing things. Paths are cgroup paths (`/docker/<id>`), not paths of the file system. */
export interface CgroupDriver {
  readonly facts: CgroupFacts;
  /** Undefined: the hierarchy is berth's alone. */
  readonly manager?: CgroupManager;
  /** Makes the parents of `path` and what children inherit from them. Cheap once done. */
  prepareParent(path: string): Promise<void>;
  /** Operations that make the cgroup with its limits and join it: v1 by writing, v2 by `born`. */
  create(path: string, resources: LinuxResources): PlanOp[];
  join(path: string): CgroupEntry;
  /** What a change of limits writes, in an order that the kernel takes. */
  updates(path: string, resources: LinuxResources): Promise<ResourceWrite[]>;
  /** Subtrees of /sys/fs/cgroup in the container: the directory of the host, the name inside. Empty: one cgroup2 mount. */
  hierarchies(): Array<{ name: string; mountpoint: string; controllers: string[] }>;
  /**
   * Waits until every process is frozen; a thaw is only begun.
   * @throws AbortError when the signal comes first: it may be half frozen then.
   */
  freeze(path: string, frozen: boolean, signal?: AbortSignal): Promise<void>;
  stats(path: string, calls: Pick<BlockingCalls, "readFiles">): Promise<CgroupStats>;
  /** How often the kernel has killed for want of memory here. */
  oomKills(path: string): Promise<number>;
  /** The file whose `oom_kill N` line counts them; undefined without a memory controller. */
  oomEventsFile(path: string): string | undefined;
  /** Every directory of the cgroup, for listing and removing. */
  directories(path: string): string[];
  /** Where `cgroup.procs` names every process, once. */
  processesIn(path: string): string;
  /** `cgroup.kill`, where this host has it. */
  killFile(path: string): string | undefined;
}
