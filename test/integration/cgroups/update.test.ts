import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { LimitedWorld, MIB, UNIFIED } from "./world.ts";

// Updates of one of two limits that belong together, and what becomes of the other. The values are Docker's own:
// BERTH_LIMITS_PEER=/run/docker.sock holds the same rows against a Docker, on either version of cgroups.

let world: LimitedWorld;
beforeAll(async () => {
  world = await LimitedWorld.start();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** What the kernel has, in one way for both versions of cgroups. `both`: memory and swap. Negative: no limit. */
interface Limits {
  memory: number;
  both: number;
  reservation: number;
  quota: number;
  period: number;
  weight: number;
  cpus: string;
  pids: number;
}

const NONE: Limits = {
  memory: -1,
  both: -1,
  reservation: UNIFIED ? 0 : -1,
  quota: -1,
  period: 100_000,
  weight: UNIFIED ? 100 : 1024,
  cpus: "",
  pids: -1,
};

async function limitsOf(id: string): Promise<Limits> {
  const file = (controller: string, v1: string, v2: string) => world.cgroupFile(id, [controller, v1], v2);
  const number = async (controller: string, v1: string, v2: string) => asLimit(await file(controller, v1, v2));
  const memory = await number("memory", "memory.limit_in_bytes", "memory.max");
  const swap = await number("memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
  const [quota = "", period = ""] = UNIFIED ? (await file("", "", "cpu.max")).split(" ") : [];
  return {
    memory,
    both: UNIFIED && swap >= 0 && memory >= 0 ? memory + swap : swap,
    reservation: await number("memory", "memory.soft_limit_in_bytes", "memory.low"),
    quota: UNIFIED ? asLimit(quota) : await number("cpu", "cpu.cfs_quota_us", ""),
    period: UNIFIED ? Number(period) : await number("cpu", "cpu.cfs_period_us", ""),
    weight: await number("cpu", "cpu.shares", "cpu.weight"),
    cpus: await file("cpuset", "cpuset.cpus", "cpuset.cpus"),
    pids: await number("pids", "pids.max", "pids.max"),
  };
}

/** cgroup v1 shows what has no limit as the most that a page counter counts. */
function asLimit(text: string): number {
  const value = text === "max" ? -1 : Number(text);
  return value > 2 ** 62 ? -1 : value;
}

interface Row {
  created: object;
  updates: object[];
  /** What differs from no limits in the end. */
  limits: Partial<Limits>;
  /** The last update's error. */
  error?: RegExp;
  /** What a Docker makes of it, where berth differs (docs/differences.md). */
  docker?: Partial<Limits>;
}

const mib = (count: number) => count * MIB;
const ROWS: Record<string, Row> = {
  "memory below the swap that is set": {
    created: { Memory: mib(64), MemorySwap: mib(128) },
    updates: [{ Memory: mib(96) }],
    limits: { memory: mib(96), both: mib(128) },
  },
  "memory above the swap that is set": {
    created: { Memory: mib(64), MemorySwap: mib(128) },
    updates: [{ Memory: mib(192) }],
    limits: { memory: mib(64), both: mib(128) },
    error: /Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time/,
  },
  "memory with the swap that it got by itself": {
    created: { Memory: mib(64) },
    updates: [{ Memory: mib(100) }],
    limits: { memory: mib(100), both: mib(128) },
  },
  "memory with swap without a limit": {
    created: { Memory: mib(64), MemorySwap: -1 },
    updates: [{ Memory: mib(100), MemorySwap: -1 }],
    limits: { memory: mib(100), both: -1 },
  },
  "memory and swap, both raised": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ Memory: mib(200), MemorySwap: mib(300) }],
    limits: { memory: mib(200), both: mib(300) },
  },
  "memory and swap, both lowered": {
    created: { Memory: mib(200), MemorySwap: mib(300) },
    updates: [{ Memory: mib(64), MemorySwap: mib(64) }],
    limits: { memory: mib(64), both: mib(64) },
  },
  "memory and swap where none were": {
    created: {},
    updates: [{ Memory: mib(64), MemorySwap: mib(96) }],
    limits: { memory: mib(64), both: mib(96) },
  },
  "swap alone": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ MemorySwap: mib(128) }],
    limits: { memory: mib(64), both: mib(128) },
  },
  "swap alone, then memory alone": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ MemorySwap: mib(200) }, { Memory: mib(128) }],
    limits: { memory: mib(128), both: mib(200) },
  },
  "swap without a limit": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ MemorySwap: -1 }],
    limits: { memory: mib(64), both: -1 },
    docker: { memory: mib(64), both: mib(64) },
  },
  "swap below the memory that is set": {
    created: { Memory: mib(64), MemorySwap: mib(128) },
    updates: [{ MemorySwap: mib(32) }],
    limits: { memory: mib(64), both: mib(128) },
    error: /./,
  },
  "a reservation": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ MemoryReservation: mib(32) }],
    limits: { memory: mib(64), both: mib(64), reservation: mib(32) },
  },
  "a quota with the period that is set": {
    created: { CpuQuota: 50_000, CpuPeriod: 200_000 },
    updates: [{ CpuQuota: 20_000 }],
    limits: { quota: 20_000, period: 200_000 },
  },
  "a period with the quota that is set": {
    created: { CpuQuota: 50_000 },
    updates: [{ CpuPeriod: 50_000 }],
    limits: { quota: 50_000, period: 50_000 },
  },
  "a period without a quota": {
    created: {},
    updates: [{ CpuPeriod: 50_000 }],
    limits: { period: 50_000 },
  },
  "a period, then a quota": {
    created: {},
    updates: [{ CpuPeriod: 50_000 }, { CpuQuota: 10_000 }],
    limits: { quota: 10_000, period: 50_000 },
  },
  "a quota without a limit": {
    created: { CpuQuota: 50_000 },
    updates: [{ CpuQuota: -1 }],
    limits: {},
  },
  "other CPUs than before": {
    created: { NanoCpus: 500_000_000 },
    updates: [{ NanoCpus: 250_000_000 }],
    limits: { quota: 25_000 },
  },
  "CPUs where a quota is": {
    created: { CpuQuota: 50_000 },
    updates: [{ NanoCpus: 250_000_000 }],
    limits: { quota: 50_000 },
    error: /Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set/,
  },
  "a quota where CPUs are": {
    created: { NanoCpus: 500_000_000 },
    updates: [{ CpuQuota: 20_000 }],
    limits: { quota: 50_000 },
    error: /Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set/,
  },
  shares: { created: { CpuShares: 512 }, updates: [{ CpuShares: 2048 }], limits: { weight: UNIFIED ? 79 : 2048 } },
  "a set of processors": { created: {}, updates: [{ CpusetCpus: "0" }], limits: { cpus: "0" } },
  "processors that are not there, with memory": {
    created: { Memory: mib(64), MemorySwap: mib(64) },
    updates: [{ Memory: mib(32), CpusetCpus: "4000" }],
    limits: { memory: mib(64), both: mib(64) },
    error: /Requested CPUs are not available - requested 4000, available: /,
  },
  "a limit on processes": { created: { PidsLimit: 10 }, updates: [{ PidsLimit: 20 }], limits: { pids: 20 } },
  "processes without a limit": { created: { PidsLimit: 10 }, updates: [{ PidsLimit: -1 }], limits: {} },
  nothing: {
    created: { Memory: mib(64), CpuQuota: 20_000 },
    updates: [{}],
    limits: { memory: mib(64), both: mib(128), quota: 20_000 },
  },
};

const rows = Object.entries(ROWS);
test.each(rows)("update: %s", async (_name, { created, updates, limits, error, docker }) => {
  const id = await world.begin(created, "sleep", "1000");
  await using _container = { [Symbol.asyncDispose]: () => world.remove(id) };
  const before = await limitsOf(id);
  const answers: string[] = [];
  for (const change of updates) answers.push(await world.update(id, change));
  const last = answers.pop() ?? "";
  for (const answer of answers) expect(answer).toStartWith("200 ");
  if (error === undefined) expect(last).toStartWith("200 ");
  else expect(last).toMatch(error);
  // A container that no one gave processors to has its parent's, which version 1 has to name.
  const cpus = UNIFIED ? "" : readFileSync("/sys/fs/cgroup/cpuset/cpuset.cpus", "utf8").trim();
  const got = await limitsOf(id);
  expect(got).toEqual({ ...NONE, cpus, ...(world.isBerth ? limits : (docker ?? limits)) });
  if (error !== undefined) expect(got).toEqual(before);
});
