import type { HostConfig, Resources } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import type { HostFacts } from "../types.ts";

const MIN_MEMORY = 6 * 1024 * 1024;

/**
 * Checks limits as Docker does and drops what the kernel cannot do.
 * @returns the resources to keep, and what the client is warned of.
 * @throws invalid with Docker's text.
 */
export function validateResources<T extends Resources>(
  wanted: T,
  host: HostFacts,
  update: boolean,
): { resources: T; warnings: string[] } {
  const resources = { ...wanted };
  const warnings: string[] = [];
  validateMemory(resources, host, update, warnings);
  if (!update) validateRealtime(resources, host);
  validateCpu(resources, host);
  validateBlockIo(resources, host, warnings);
  // On create 0 and less mean no limit, which inspect shows as none; update takes -1 to lift one.
  if (!update && (resources.PidsLimit ?? 0) <= 0) delete resources.PidsLimit;
  if (resources.OomKillDisable === true) {
    if (host.cgroupVersion === 2) {
      resources.OomKillDisable = false;
      warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    } else if (!resources.Memory) {
      warnings.push(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
      );
    }
  }
  return { resources, warnings };
}

/** Checks members of the host config that are limits but no cgroup resources. @throws invalid. */
export function validateHostLimits(host: HostConfig): void {
  if ((host.ShmSize ?? 0) < 0) throw invalid("SHM size can not be less than 0");
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000) {
    throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
}

function validateMemory(resources: Resources, host: HostFacts, update: boolean, warnings: string[]): void {
  const memory = resources.Memory ?? 0;
  const swap = resources.MemorySwap ?? 0;
  const reservation = resources.MemoryReservation ?? 0;
  const swappiness = resources.MemorySwappiness ?? -1;
  if (memory !== 0 && memory < MIN_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (swap > 0 && !host.swapLimit) {
    warnings.push(
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    );
    resources.MemorySwap = -1;
  } else if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  } else if (memory === 0 && swap > 0 && !update) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  // What says that nothing is asked for is not kept.
  if (swappiness === -1) delete resources.MemorySwappiness;
  else {
    if (host.cgroupVersion === 2) {
      warnings.push(
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
      );
      delete resources.MemorySwappiness;
    } else if (swappiness < 0 || swappiness > 100) {
      throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
    }
  }
  if (reservation > 0 && reservation < MIN_MEMORY) throw invalid("Minimum memory reservation allowed is 6MB");
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function validateRealtime(
  { CpuRealtimePeriod: period, CpuRealtimeRuntime: runtime }: Resources,
  host: HostFacts,
): void {
  if ((period || runtime) && !host.cpuRealtime) throw invalid("Your kernel does not support CPU real-time scheduler");
  if (period && runtime && runtime > period) {
    throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
  }
}

function validateCpu(resources: Resources, host: HostFacts): void {
  const nano = resources.NanoCpus ?? 0;
  if (nano > 0) {
    if (resources.CpuPeriod) throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (resources.CpuQuota) throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (nano < 0 || nano > host.cpus * 1e9) {
    throw invalid(`range of CPUs is from 0.01 to ${host.cpus}.00, as there are only ${host.cpus} CPUs available`);
  }
  if ((resources.CpuShares ?? 0) < 0) {
    throw invalid(`invalid CPU shares (${resources.CpuShares}): value must be a positive integer`);
  }
  const period = resources.CpuPeriod ?? 0;
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  const quota = resources.CpuQuota ?? 0;
  if (quota > 0 && quota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  checkSet(resources.CpusetCpus, host.cpusetCpus, "cpuset cpus", "CPUs");
  checkSet(resources.CpusetMems, host.cpusetMems, "cpuset mems", "memory nodes");
}

function checkSet(wanted: string | undefined, available: string, name: string, what: string): void {
  if (!wanted) return;
  const members = parseSet(wanted);
  if (typeof members === "string") throw invalid(`Invalid value ${wanted} for ${name}: ${members}`);
  const there = parseSet(available);
  if (typeof there === "string" || members.some((member) => !there.includes(member))) {
    throw invalid(`Requested ${what} are not available - requested ${wanted}, available: ${available}`);
  }
}

/** The highest number in a set: bounds what a range may take. */
const MAX_MEMBER = 8192;

/** `0-2,5` as numbers, or what is wrong with it. */
function parseSet(text: string): number[] | string {
  const members: number[] = [];
  for (const part of text.split(",")) {
    const range = /^(\d{1,18})(?:-(\d{1,18}))?$/.exec(part);
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (range === null || last < first) return `invalid format: ${text}`;
    if (last > MAX_MEMBER) return `value of out range, maximum is ${MAX_MEMBER}`;
    for (let member = first; member <= last; member++) members.push(member);
  }
  return members;
}

function validateBlockIo(resources: Resources, host: HostFacts, warnings: string[]): void {
  if (resources.BlkioWeight && !host.blockIoWeight) {
    warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
    resources.BlkioWeight = 0;
  }
  if (resources.BlkioWeightDevice?.length && !host.blockIoWeight) {
    warnings.push(
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    );
    resources.BlkioWeightDevice = [];
  }
  for (const weight of [resources.BlkioWeight, ...(resources.BlkioWeightDevice ?? []).map((device) => device.Weight)]) {
    if (weight && (weight < 10 || weight > 1000)) throw invalid("Range of blkio weight is from 10 to 1000");
  }
  if (resources.IOMaximumBandwidth) {
    throw invalid("invalid option: QoS maximum bandwidth configuration is not supported on linux");
  }
  if (resources.IOMaximumIOps) {
    throw invalid("invalid option: QoS maximum IOPs configuration is not supported on linux");
  }
  if ((resources.CpuPercent ?? 0) > 0) {
    warnings.push("linux does not support CPU percent. Percent discarded.");
    resources.CpuPercent = 0;
  }
}
