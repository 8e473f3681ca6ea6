import type { LinuxResources, ThrottleRule } from "../../spec/index.ts";
import { deviceRuleText } from "./device-rules.ts";
import type { ResourceWrite } from "./types.ts";

/** Gives a path of a controller's file in the cgroup, or undefined when the host has no such controller. */
export type FileOf = (controller: string, file: string) => string | undefined;

/**
 * The files of cgroup v1 for a container's limits (kernel: admin-guide/cgroup-v1), in an order that holds for a new cgroup.
 * @param has whether the host's blkio controller has a file, for the two names of its weight.
 */
export function resourceWritesV1(
  resources: LinuxResources,
  fileOf: FileOf,
  has: (controller: string, file: string) => boolean,
): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  const set = (controller: string, file: string, value: number | string | undefined, ignore?: string[]) => {
    const path = fileOf(controller, file);
    if (value === undefined || path === undefined) return;
    writes.push({ path, value: String(value), ...(ignore !== undefined && { ignore }) });
  };
  const { memory = {}, cpu = {}, pids, blockIO = {}, hugepageLimits = [] } = resources;

  set("cpuset", "cpuset.cpus", nonEmpty(cpu.cpus));
  set("cpuset", "cpuset.mems", nonEmpty(cpu.mems));

  set("memory", "memory.limit_in_bytes", nonZero(memory.limit));
  // Unlimited is what a new cgroup has; without swap accounting the file is missing.
  set("memory", "memory.memsw.limit_in_bytes", nonZero(memory.swap), memory.swap === -1 ? ["ENOENT"] : undefined);
  set("memory", "memory.soft_limit_in_bytes", nonZero(memory.reservation));
  // Kernel 5.16 and later answer EOPNOTSUPP or lack the file: the limit is obsolete, Docker goes on without.
  set("memory", "memory.kmem.limit_in_bytes", nonZero(memory.kernel), ["ENOENT", "EOPNOTSUPP"]);
  set("memory", "memory.swappiness", memory.swappiness);
  if (memory.disableOOMKiller === true) set("memory", "memory.oom_control", 1);

  set("cpu", "cpu.shares", nonZero(cpu.shares));
  set("cpu", "cpu.cfs_period_us", nonZero(cpu.period));
  set("cpu", "cpu.cfs_quota_us", nonZero(cpu.quota));
  set("cpu", "cpu.rt_period_us", nonZero(cpu.realtimePeriod));
  set("cpu", "cpu.rt_runtime_us", nonZero(cpu.realtimeRuntime));

  if (pids !== undefined && pids.limit !== 0) set("pids", "pids.max", pids.limit > 0 ? pids.limit : "max");

  const weight = has("blkio", "blkio.weight") ? "blkio.weight" : "blkio.bfq.weight";
  set("blkio", weight, nonZero(blockIO.weight));
  for (const { major, minor, weight: value } of blockIO.weightDevice ?? []) {
    set("blkio", `${weight}_device`, `${major}:${minor} ${value}`);
  }
  const throttle = (file: string, rules: ThrottleRule[] = []) => {
    for (const { major, minor, rate } of rules) set("blkio", `blkio.throttle.${file}`, `${major}:${minor} ${rate}`);
  };
  throttle("read_bps_device", blockIO.throttleReadBpsDevice);
  throttle("write_bps_device", blockIO.throttleWriteBpsDevice);
  throttle("read_iops_device", blockIO.throttleReadIOPSDevice);
  throttle("write_iops_device", blockIO.throttleWriteIOPSDevice);

  for (const { pageSize, limit } of hugepageLimits) set("hugetlb", `hugetlb.${pageSize}.limit_in_bytes`, limit);

  for (const rule of resources.devices) {
    set("devices", rule.allow ? "devices.allow" : "devices.deny", deviceRuleText(rule));
  }
  return writes;
}

const nonZero = (value: number | undefined) => (value === 0 ? undefined : value);
const nonEmpty = (value: string | undefined) => (value === "" ? undefined : value);
