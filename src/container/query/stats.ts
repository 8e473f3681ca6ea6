import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type {
  CallContext,
  ContainerBlkioStatEntry,
  ContainerCPUStats,
  ContainerStatsResponse,
} from "../../api/index.ts";
import { ZERO_TIME, formatNanos, isKind } from "../../base/index.ts";
import type { InterfaceCounters } from "../../network/index.ts";
import type { CgroupStats } from "../../runtime/index.ts";
import { hasInterfaces } from "../create/endpoints.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ContainerDependencies } from "../types.ts";
import { Beat } from "./beat.ts";

const INTERVAL = 1000;
/** Milliseconds for which a look at the whole machine is new enough: a hundredth of an interval. */
const SHARED = 10;
const NANOS_PER_TICK = 10_000_000;
/** Samples of all containers that are followed are taken together. */
const BEAT = new Beat(INTERVAL);

type Needs = Pick<ContainerDependencies, "networks" | "host">;

interface Sample {
  stats: CgroupStats;
  systemNanos: number;
  interfaces: Record<string, InterfaceCounters> | undefined;
}

/**
 * Docker's stats: one object a second while `stream`; else one, with a sample before it unless `oneShot`. A container
 * that does not run gives empty samples.
 */
export async function* statsOf(
  entry: ContainerEntry,
  options: { stream: boolean; oneShot: boolean },
  call: CallContext,
  needs: Needs,
): AsyncGenerator<ContainerStatsResponse> {
  let before: Sample | undefined;
  if (!options.stream && !options.oneShot) {
    before = await sample(entry, needs);
    if (before !== undefined) await pause(call.signal);
  }
  for (;;) {
    if (call.signal.aborted) return;
    const now = await sample(entry, needs);
    yield compose(entry, now, before, needs);
    if (!options.stream) return;
    before = now;
    await BEAT.next(call.signal);
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(INTERVAL, undefined, { signal, ref: false }).catch(() => undefined); // aborted: the loop sees it
}

async function sample(entry: ContainerEntry, { networks }: Needs): Promise<Sample | undefined> {
  const { run } = entry;
  if (run === undefined || entry.state.phase.kind !== "running") return undefined;
  try {
    const networked = hasInterfaces(entry.record);
    const [stats, systemNanos, interfaces] = await Promise.all([
      run.task.stats(),
      systemUsage(),
      networked ? networks.counters(run.task.pid) : undefined,
    ]);
    return { stats, systemNanos, interfaces };
  } catch (error) {
    // It ended between the look and the reading.
    if (isKind(error, "not-found") || entry.run !== run) return undefined;
    throw error;
  }
}

let usage: { at: number; nanos: Promise<number> } | undefined;

/** Samples of many containers within a moment share one look at the whole machine. */
function systemUsage(): Promise<number> {
  const now = performance.now();
  if (usage === undefined || now - usage.at > SHARED) usage = { at: now, nanos: readSystemUsage() };
  return usage.nanos;
}

/** Nanoseconds that all processors spent on anything: the first seven columns, as Docker counts. */
async function readSystemUsage(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n", 1);
  const columns = line.split(/\s+/).slice(1, 8);
  return columns.reduce((sum, ticks) => sum + Number(ticks), 0) * NANOS_PER_TICK;
}

function compose(
  entry: ContainerEntry,
  now: Sample | undefined,
  before: Sample | undefined,
  needs: Needs,
): ContainerStatsResponse {
  const common = { name: `/${entry.name}`, id: entry.id };
  if (now === undefined) {
    return {
      ...common,
      read: ZERO_TIME,
      preread: ZERO_TIME,
      pids_stats: {},
      blkio_stats: blockStats([], needs.host.cgroupVersion),
      num_procs: 0,
      storage_stats: {},
      cpu_stats: EMPTY_CPU,
      precpu_stats: EMPTY_CPU,
      memory_stats: {},
    };
  }
  const { stats } = now;
  const { memory, pids } = stats;
  const limit = Math.min(memory.limit > 0 ? memory.limit : Infinity, needs.host.memoryTotal);
  return {
    ...common,
    read: formatNanos(stats.readAt),
    preread: before === undefined ? ZERO_TIME : formatNanos(before.stats.readAt),
    pids_stats: { current: pids.current, ...(pids.limit > 0 ? { limit: pids.limit } : {}) },
    blkio_stats: blockStats(stats.blockIo, needs.host.cgroupVersion),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(now, needs),
    precpu_stats: before === undefined ? EMPTY_CPU : cpuStats(before, needs),
    memory_stats: {
      usage: memory.usage,
      ...(needs.host.cgroupVersion === 1 ? { max_usage: memory.maxUsage, failcnt: memory.failures } : {}),
      stats: memory.stats,
      limit,
    },
    ...(now.interfaces === undefined ? {} : { networks: now.interfaces }),
  };
}

const EMPTY_CPU: ContainerCPUStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function cpuStats({ stats: { cpu }, systemNanos }: Sample, { host }: Needs): ContainerCPUStats {
  return {
    cpu_usage: {
      total_usage: cpu.totalNanos,
      ...(cpu.perCpuNanos.length > 0 ? { percpu_usage: cpu.perCpuNanos } : {}),
      usage_in_kernelmode: cpu.systemNanos,
      usage_in_usermode: cpu.userNanos,
    },
    system_cpu_usage: systemNanos,
    online_cpus: host.cpus,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNanos,
    },
  };
}

/** What cgroup v2 does not count is null, as in Docker; v1 has the lists, which its kernel leaves empty. */
function blockStats(devices: CgroupStats["blockIo"], cgroupVersion: 1 | 2) {
  const uncounted = cgroupVersion === 1 ? [] : null;
  const entry = (
    op: string,
    value: number,
    { major, minor }: { major: number; minor: number },
  ): ContainerBlkioStatEntry => ({
    major,
    minor,
    op,
    value,
  });
  return {
    io_service_bytes_recursive: devices.map((device) => entry(device.op, device.bytes, device)),
    io_serviced_recursive: devices.map((device) => entry(device.op, device.operations, device)),
    io_queue_recursive: uncounted,
    io_service_time_recursive: uncounted,
    io_wait_time_recursive: uncounted,
    io_merged_recursive: uncounted,
    io_time_recursive: uncounted,
    sectors_recursive: uncounted,
  };
}
