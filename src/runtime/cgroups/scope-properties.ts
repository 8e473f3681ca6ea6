import type { LinuxResources } from "../../spec/index.ts";
import type { Property } from "../systemd/index.ts";
import { cpuWeight, ioWeight, swapAlone } from "./resources-v2.ts";

/**
 * What a scope may use beyond its container, for the supervisor that is in it and what it forks on the way into the
 * container. The container's own cgroup has the exact limits.
 */
const MORE_MEMORY = 8 * 1024 * 1024;
const MORE_TASKS = 64;
const MORE_CPU_USEC = 50_000;

const SECOND_USEC = 1_000_000;
const DEFAULT_PERIOD_USEC = 100_000;
const NO_LIMIT = 2n ** 64n - 1n;

/**
 * A container's limits as properties of its scope (systemd.resource-control(5)), for what lies between neighbours
 * (weights, protection) and for whoever asks systemd. Members that nothing was asked of are left out.
 */
export function limitProperties(resources: LinuxResources): Property[] {
  const { memory = {}, cpu = {}, pids, blockIO = {} } = resources;
  const properties: Property[] = [];
  const set = (name: string, value: bigint | undefined) => {
    if (value !== undefined) properties.push([name, "t", value]);
  };
  set("MemoryMax", limit(memory.limit, MORE_MEMORY));
  const swap = swapAlone(memory.swap, memory.limit);
  set("MemorySwapMax", swap === undefined ? undefined : swap === "max" ? NO_LIMIT : BigInt(swap));
  set("MemoryLow", limit(memory.reservation, 0));
  if (cpu.shares !== undefined && cpu.shares !== 0) set("CPUWeight", BigInt(cpuWeight(cpu.shares)));
  set("CPUQuotaPerSecUSec", quotaPerSecond(cpu.quota, cpu.period));
  if (cpu.period !== undefined && cpu.period !== 0) set("CPUQuotaPeriodUSec", BigInt(cpu.period));
  set("TasksMax", limit(pids?.limit, MORE_TASKS));
  if (blockIO.weight !== undefined && blockIO.weight !== 0) set("IOWeight", BigInt(ioWeight(blockIO.weight)));
  if (cpu.cpus) properties.push(["AllowedCPUs", "ay", listToMask(cpu.cpus)]);
  if (cpu.mems) properties.push(["AllowedMemoryNodes", "ay", listToMask(cpu.mems)]);
  return properties;
}

function limit(value: number | undefined, more: number): bigint | undefined {
  if (value === undefined || value === 0) return undefined;
  return value < 0 ? NO_LIMIT : BigInt(value) + BigInt(more);
}

function quotaPerSecond(quota = 0, period = 0): bigint | undefined {
  if (quota === 0) return undefined;
  if (quota < 0) return NO_LIMIT;
  return BigInt(Math.ceil((quota * SECOND_USEC) / (period || DEFAULT_PERIOD_USEC)) + MORE_CPU_USEC);
}

/** `0-3,8` as a bit for each number, the lowest first. */
export function listToMask(list: string): Uint8Array {
  const bytes: number[] = [];
  for (const range of list.split(",")) {
    const [first = 0, last = first] = range.split("-").map(Number);
    for (let number = first; number <= last; number++) {
      while (bytes.length <= number >> 3) bytes.push(0);
      bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (1 << (number & 7));
    }
  }
  return Uint8Array.from(bytes);
}
