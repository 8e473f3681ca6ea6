import type { HostConfig, Resources, ThrottleDevice } from "../../api/index.ts";
import type { DeviceRule, LinuxResources, ThrottleRule } from "../../spec/index.ts";

/** Major and minor numbers of the device files that limits name. */
export type DeviceNumbers = ReadonlyMap<string, { major: number; minor: number }>;

const PERIOD = 100_000;

/** The cgroup settings of a container. Members that nothing was asked of are left out, so that nothing is written. */
export function compileResources(
  host: HostConfig | Resources,
  devices: DeviceRule[],
  numbers: DeviceNumbers,
): LinuxResources {
  const resources: LinuxResources = { devices };
  const memory = compact({
    limit: positive(host.Memory),
    reservation: positive(host.MemoryReservation),
    swap: (host.MemorySwap ?? 0) < -1 ? undefined : nonZero(host.MemorySwap),
    swappiness: host.MemorySwappiness !== undefined && host.MemorySwappiness >= 0 ? host.MemorySwappiness : undefined,
    disableOOMKiller: host.OomKillDisable === true ? true : undefined,
  });
  if (memory !== undefined) resources.memory = memory;
  const nano = host.NanoCpus ?? 0;
  const cpu = compact({
    shares: positive(host.CpuShares),
    quota: nano > 0 ? Math.floor((nano * PERIOD) / 1e9) : nonZero(host.CpuQuota),
    period: nano > 0 ? PERIOD : positive(host.CpuPeriod),
    realtimeRuntime: positive(host.CpuRealtimeRuntime),
    realtimePeriod: positive(host.CpuRealtimePeriod),
    cpus: host.CpusetCpus || undefined,
    mems: host.CpusetMems || undefined,
  });
  if (cpu !== undefined) resources.cpu = cpu;
  if (typeof host.PidsLimit === "number" && host.PidsLimit !== 0) resources.pids = { limit: host.PidsLimit };
  const blockIO = compact({
    weight: positive(host.BlkioWeight),
    weightDevice: list(
      (host.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ ...at(Path, numbers), weight: Weight ?? 0 })),
    ),
    throttleReadBpsDevice: throttles(host.BlkioDeviceReadBps, numbers),
    throttleWriteBpsDevice: throttles(host.BlkioDeviceWriteBps, numbers),
    throttleReadIOPSDevice: throttles(host.BlkioDeviceReadIOps, numbers),
    throttleWriteIOPSDevice: throttles(host.BlkioDeviceWriteIOps, numbers),
  });
  if (blockIO !== undefined) resources.blockIO = blockIO;
  return resources;
}

function throttles(devices: readonly ThrottleDevice[] | undefined, numbers: DeviceNumbers): ThrottleRule[] | undefined {
  return list((devices ?? []).map(({ Path, Rate }) => ({ ...at(Path, numbers), rate: Rate ?? 0 })));
}

function at(path: string | undefined, numbers: DeviceNumbers): { major: number; minor: number } {
  return numbers.get(path ?? "") ?? { major: 0, minor: 0 };
}

function list<T>(items: T[]): T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are there; undefined when none is. */
function compact<T extends object>(members: T): Present<T> | undefined {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  // Only undefined values were dropped.
  return there.length === 0 ? undefined : (Object.fromEntries(there) as Present<T>);
}
