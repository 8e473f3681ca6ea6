import { invalid } from "../../base/index.ts";
import type { LinuxResources, ThrottleRule } from "../../spec/index.ts";
import type { ResourceWrite } from "./types.ts";

/**
 * The files of cgroup v2 for a container's limits (kernel: admin-guide/cgroup-v2), from the v1-shaped numbers of the
 * runtime spec, converted as runc does.
 * @param fileOf gives the path of a file in the cgroup.
 * @param has see `ioWeightWrites`.
 */
export function resourceWritesV2(
  resources: LinuxResources,
  fileOf: (file: string) => string,
  has: (file: string) => boolean | undefined,
): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  const set = (file: string, value: number | string | undefined, ignore?: string[]) => {
    if (value !== undefined) writes.push(writeTo(fileOf(file), value, ignore));
  };
  const { memory = {}, cpu = {}, pids, blockIO = {}, hugepageLimits = [] } = resources;

  set("cpuset.cpus", nonEmpty(cpu.cpus));
  set("cpuset.mems", nonEmpty(cpu.mems));
  set("memory.max", limitText(memory.limit));
  const swap = swapAlone(memory.swap, memory.limit);
  set("memory.swap.max", swap, swap === "max" ? ["ENOENT"] : undefined);
  set("memory.low", limitText(memory.reservation));
  if (cpu.shares !== undefined && cpu.shares !== 0) set("cpu.weight", cpuWeight(cpu.shares));
  set("cpu.max", cpuMax(cpu.quota, cpu.period));
  if (pids !== undefined && pids.limit !== 0) set("pids.max", pids.limit > 0 ? pids.limit : "max");

  writes.push(...ioWeightWrites(blockIO, fileOf, has));
  const throttle = (key: string, rules: ThrottleRule[] = []) => {
    for (const { major, minor, rate } of rules) set("io.max", `${major}:${minor} ${key}=${rate}`);
  };
  throttle("rbps", blockIO.throttleReadBpsDevice);
  throttle("wbps", blockIO.throttleWriteBpsDevice);
  throttle("riops", blockIO.throttleReadIOPSDevice);
  throttle("wiops", blockIO.throttleWriteIOPSDevice);

  for (const { pageSize, limit } of hugepageLimits) set(`hugetlb.${pageSize}.max`, limit);
  return writes;
}

/**
 * The weights of block I/O: BFQ's own where the kernel has it, as runc does.
 * @param has whether the kernel has a file; undefined when that is not known before the cgroup is there: then each of the
 * two names may be missing. Asked only when it matters, since BFQ's file comes with its module, at any time.
 */
export function ioWeightWrites(
  { weight: share = 0, weightDevice: shares = [] }: NonNullable<LinuxResources["blockIO"]>,
  fileOf: (file: string) => string,
  has: (file: string) => boolean | undefined,
): ResourceWrite[] {
  if (share === 0 && shares.length === 0) return [];
  const bfq = has("io.bfq.weight");
  const ignore = bfq === undefined ? ["ENOENT"] : undefined;
  const writes: ResourceWrite[] = [];
  if (share !== 0 && bfq !== true) writes.push(writeTo(fileOf("io.weight"), ioWeight(share), ignore));
  if (bfq === false) return writes;
  if (share !== 0) writes.push(writeTo(fileOf("io.bfq.weight"), share, ignore));
  for (const { major, minor, weight } of shares) {
    writes.push(writeTo(fileOf("io.bfq.weight"), `${major}:${minor} ${weight}`, ignore));
  }
  return writes;
}

function writeTo(path: string, value: number | string, ignore?: string[]): ResourceWrite {
  return { path, value: String(value), ...(ignore !== undefined && { ignore }) };
}

const nonEmpty = (value: string | undefined) => (value === "" ? undefined : value);

/** 0 and absent: not asked for; negative: no limit. */
function limitText(value: number | undefined): string | undefined {
  if (value === undefined || value === 0) return undefined;
  return value < 0 ? "max" : String(value);
}

/** v1 counts memory and swap together, v2 swap alone. @throws invalid with runc's text when memory has no limit. */
export function swapAlone(both: number | undefined, memory: number | undefined): string | undefined {
  if (both === undefined || both === 0) return undefined;
  if (both < 0) return "max";
  if (memory === undefined || memory <= 0) throw invalid("unable to set swap limit without memory limit");
  return String(Math.max(0, both - memory));
}

/** 2…262144 shares to 1…10000. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262142);
}

/** 10…1000 of blkio to 1…10000 of io. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** The period alone keeps "no limit", the quota alone the period that is set. */
function cpuMax(quota = 0, period = 0): string | undefined {
  if (quota === 0 && period === 0) return undefined;
  const share = quota > 0 ? String(quota) : "max";
  return period === 0 ? share : `${share} ${period}`;
}
