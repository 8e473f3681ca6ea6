import type { ContainerStatsResponse } from "../api/index.ts";

/** What a listing shows of one sample. */
export interface Usage {
  id: string;
  name: string;
  cpuPercent: number;
  memory: number;
  memoryLimit: number;
  memoryPercent: number;
  received: number;
  sent: number;
  read: number;
  written: number;
  pids: number;
}

/** Shares and sums of a sample, as Docker's client computes them. */
export function computeUsage(stats: ContainerStatsResponse): Usage {
  const memory = memoryInUse(stats);
  const memoryLimit = stats.memory_stats?.limit ?? 0;
  const networks = Object.values(stats.networks ?? {});
  const blocks = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const moved = (operation: string) =>
    blocks.reduce(
      (sum, entry) => (entry?.op?.toLowerCase().startsWith(operation) === true ? sum + (entry.value ?? 0) : sum),
      0,
    );
  return {
    id: stats.id ?? "",
    name: stats.name ?? "",
    cpuPercent: cpuPercent(stats),
    memory,
    memoryLimit,
    memoryPercent: memoryLimit === 0 ? 0 : (memory / memoryLimit) * 100,
    received: networks.reduce((sum, each) => sum + (each?.rx_bytes ?? 0), 0),
    sent: networks.reduce((sum, each) => sum + (each?.tx_bytes ?? 0), 0),
    read: moved("r"),
    written: moved("w"),
    pids: stats.pids_stats?.current ?? 0,
  };
}

function cpuPercent({ cpu_stats: now, precpu_stats: before }: ContainerStatsResponse): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const system = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const cpus = now?.online_cpus || (now?.cpu_usage?.percpu_usage ?? []).length;
  return system > 0 && used > 0 ? (used / system) * cpus * 100 : 0;
}

/** Page cache that can be dropped is not counted (v1: total_inactive_file, v2: inactive_file). */
function memoryInUse({ memory_stats: memory }: ContainerStatsResponse): number {
  const usage = memory?.usage ?? 0;
  const inactive = memory?.stats?.["total_inactive_file"] ?? memory?.stats?.["inactive_file"] ?? 0;
  return typeof inactive === "number" && inactive < usage ? usage - inactive : usage;
}
