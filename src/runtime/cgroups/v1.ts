import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LinuxResources } from "../../spec/index.ts";
import type { BlockingCalls } from "../../sys/index.ts";
import type { PlanOp } from "../plan/index.ts";
import type { CgroupStats } from "../types.ts";
import { type CgroupUsage, parseNumber, parseTable, readNumber, readTable, UsageReader } from "./files.ts";
import type { Hierarchies, Hierarchy } from "./hierarchies.ts";
import { writeOp } from "./plan-writes.ts";
import { resourceWritesV1 } from "./resources-v1.ts";
import type { CgroupDriver, CgroupEntry, CgroupFacts, Realtime, ResourceWrite } from "./types.ts";

/** Nanoseconds of a clock tick: USER_HZ is 100 on every architecture that berth runs on. */
const TICK = 10_000_000;

/** What a sample is made of: controller and file. */
const STATS_FILES = [
  ["cpuacct", "cpuacct.usage"],
  ["cpuacct", "cpuacct.usage_percpu"],
  ["cpuacct", "cpuacct.stat"],
  ["cpu", "cpu.stat"],
  ["memory", "memory.usage_in_bytes"],
  ["memory", "memory.limit_in_bytes"],
  ["memory", "memory.max_usage_in_bytes"],
  ["memory", "memory.failcnt"],
  ["memory", "memory.stat"],
  ["pids", "pids.current"],
  ["pids", "pids.max"],
  ["blkio", "blkio.throttle.io_service_bytes_recursive"],
  ["blkio", "blkio.throttle.io_serviced_recursive"],
] as const;
type StatsFile = (typeof STATS_FILES)[number][1];
// Every file of the list has its place.
const STATS_INDEX = Object.fromEntries(STATS_FILES.map(([, file], index) => [file, index])) as Record<
  StatsFile,
  number
>;

/** cgroup v1, and the unified hierarchy beside it on a hybrid host: there for `cgroup.kill` and what else v1 lacks. */
export class CgroupV1 implements CgroupDriver {
  readonly facts: CgroupFacts;
  readonly #usage = new UsageReader(
    (path) => STATS_FILES.map(([controller, file]) => this.#file(path, controller, file) ?? "/nonexistent"),
    (texts) => usageOf(texts, this.#memory),
  );
  readonly #memory = totalmem();
  readonly #hierarchies: Hierarchy[];
  readonly #unified: string | undefined;
  readonly #realtime: Realtime;
  readonly #prepared = new Set<string>();

  /** @param realtime what every cgroup above a container's gets of the processors' real time. */
  constructor({ v1, unified }: Hierarchies, realtime: Realtime = { period: 0, runtime: 0 }) {
    this.#hierarchies = v1;
    this.#unified = unified;
    this.#realtime = realtime;
    this.facts = this.#probe();
  }

  async prepareParent(path: string): Promise<void> {
    const parent = dirname(path);
    const cpuset = this.#file(parent, "cpuset", "cpuset.cpus");
    if (this.#prepared.has(parent) && (cpuset === undefined || existsSync(cpuset))) return;
    await Promise.all(this.directories(parent).map((directory) => mkdir(directory, { recursive: true })));
    await this.#inheritCpuset(parent);
    await this.#grantRealtime(parent);
    this.#prepared.add(parent);
  }

  /** A new cpuset is empty and takes no process; with clone_children it starts as its parent. */
  async #inheritCpuset(path: string): Promise<void> {
    const root = this.#of("cpuset")?.mountpoint;
    if (root === undefined || path === "/") return;
    const names = path.split("/").filter((name) => name !== "");
    for (let depth = 1; depth <= names.length; depth++) {
      const directory = `${root}/${names.slice(0, depth).join("/")}`;
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        if ((await readFile(`${directory}/${file}`, "utf8")).trim() !== "") continue;
        await writeFile(`${directory}/${file}`, await readFile(`${dirname(directory)}/${file}`));
      }
      await writeFile(`${directory}/cgroup.clone_children`, "1");
    }
  }

  /** A new cgroup has no real time, and none beneath it can have any. @throws the kernel's reason. */
  async #grantRealtime(path: string): Promise<void> {
    const root = this.#of("cpu")?.mountpoint;
    if (root === undefined || !this.facts.cpuRealtime) return;
    const names = path.split("/").filter((name) => name !== "");
    for (let depth = 1; depth <= names.length; depth++) {
      const directory = `${root}/${names.slice(0, depth).join("/")}`;
      const { period, runtime } = this.#realtime;
      if (period !== 0) await writeFile(`${directory}/cpu.rt_period_us`, String(period));
      if (runtime !== 0) await writeFile(`${directory}/cpu.rt_runtime_us`, String(runtime));
    }
  }

  create(path: string, resources: LinuxResources): PlanOp[] {
    return [
      ...this.directories(path).map((directory): PlanOp => ({ op: "mkdir_all", path: directory, mode: 0o755 })),
      ...this.#writes(path, dirname(path) === "/" ? this.#withWholeCpuset(resources) : resources).map(writeOp),
    ];
  }

  /** Below the root, which is nobody's to set up, a cpuset starts empty. */
  #withWholeCpuset(resources: LinuxResources): LinuxResources {
    const root = this.#of("cpuset")?.mountpoint;
    if (root === undefined) return resources;
    const [cpus = "", mems = ""] = ["cpuset.cpus", "cpuset.mems"].map((file) =>
      readFileSync(`${root}/${file}`, "utf8").trim(),
    );
    const { cpu } = resources;
    return { ...resources, cpu: { ...cpu, cpus: cpu?.cpus || cpus, mems: cpu?.mems || mems } };
  }

  join(path: string): CgroupEntry {
    // A thread joins alone, which is all that a single-threaded process has; cgroup.procs would wait for RCU.
    const counting = this.#of("pids");
    const inherited = this.#hierarchies.filter((hierarchy) => hierarchy !== counting);
    return {
      ops: inherited.map(({ mountpoint }) => writeOp({ path: `${mountpoint}${path}/tasks`, value: "0" })),
      born: this.#unified === undefined ? "" : `${this.#unified}${path}`,
      counted: this.#file(path, "pids", "tasks"),
    };
  }

  async updates(path: string, resources: LinuxResources): Promise<ResourceWrite[]> {
    const writes = this.#writes(path, resources);
    // The kernel holds memory ≤ memory + swap at every moment: raise the sum first.
    await swapWhen(
      writes,
      "/memory.limit_in_bytes",
      "/memory.memsw.limit_in_bytes",
      async (limit, both) => both.value === "-1" || Number(limit.value) > (await readNumber(both.path)),
    );
    // And quota ÷ period ≤ that of the cgroup above: a shorter period waits for its quota.
    await swapWhen(
      writes,
      "/cpu.cfs_period_us",
      "/cpu.cfs_quota_us",
      async (period) => Number(period.value) < (await readNumber(period.path)),
    );
    return writes;
  }

  hierarchies() {
    return this.#hierarchies.map(({ mountpoint, controllers }) => ({
      name: mountpoint.slice(mountpoint.lastIndexOf("/") + 1),
      mountpoint,
      controllers,
    }));
  }

  async freeze(path: string, frozen: boolean, signal?: AbortSignal): Promise<void> {
    const file = this.#file(path, "freezer", "freezer.state");
    if (file === undefined) return;
    // Thawed it is at once, unless a cgroup above is frozen: that may last, and is not its own state.
    if (!frozen) return await writeFile(file, "THAWED");
    // The kernel gives no event here; a task in an uninterruptible wait delays the state, and writing again helps it on.
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      await writeFile(file, "FROZEN");
      if ((await readFile(file, "utf8")).trim() === "FROZEN") return;
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  }

  stats(path: string, calls: Pick<BlockingCalls, "readFiles">): Promise<CgroupStats> {
    return this.#usage.read(path, calls);
  }

  async oomKills(path: string): Promise<number> {
    const file = this.oomEventsFile(path);
    return file === undefined ? 0 : ((await readTable(file))["oom_kill"] ?? 0);
  }

  oomEventsFile(path: string): string | undefined {
    return this.#file(path, "memory", "memory.oom_control");
  }

  directories(path: string): string[] {
    const roots = this.#hierarchies.map(({ mountpoint }) => mountpoint);
    return [...roots, ...(this.#unified === undefined ? [] : [this.#unified])].map((root) => `${root}${path}`);
  }

  processesIn(path: string): string {
    // Of the pids hierarchy a process is only once it can go there by itself.
    const listing = ["freezer", "devices", "memory", "pids"].map((name) => this.#of(name)).find(Boolean);
    const root = listing?.mountpoint ?? this.#hierarchies[0]?.mountpoint ?? this.#unified ?? "";
    return `${root}${path}`;
  }

  killFile(path: string): string | undefined {
    return this.#unified === undefined ? undefined : `${this.#unified}${path}/cgroup.kill`;
  }

  #writes(path: string, resources: LinuxResources): ResourceWrite[] {
    return resourceWritesV1(
      resources,
      (controller, file) => this.#file(path, controller, file),
      (controller, file) => this.#exists(controller, file),
    );
  }

  #of(controller: string): Hierarchy | undefined {
    return this.#hierarchies.find(({ controllers }) => controllers.includes(controller));
  }

  #file(path: string, controller: string, file: string): string | undefined {
    const hierarchy = this.#of(controller);
    return hierarchy === undefined ? undefined : `${hierarchy.mountpoint}${path === "/" ? "" : path}/${file}`;
  }

  #exists(controller: string, file: string): boolean {
    const key = `${controller}/${file}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const path = this.#file("/", controller, file);
    const found = path !== undefined && existsSync(path);
    this.#known.set(key, found);
    return found;
  }

  readonly #known = new Map<string, boolean>();

  #probe(): CgroupFacts {
    return {
      version: 1,
      driver: "cgroupfs",
      memoryLimit: this.#of("memory") !== undefined,
      swapLimit: this.#exists("memory", "memory.memsw.limit_in_bytes"),
      kernelMemoryTcp: this.#exists("memory", "memory.kmem.tcp.limit_in_bytes"),
      oomKillDisable: this.#exists("memory", "memory.oom_control"),
      memorySwappiness: this.#exists("memory", "memory.swappiness"),
      memoryReservation: this.#exists("memory", "memory.soft_limit_in_bytes"),
      cpuShares: this.#exists("cpu", "cpu.shares"),
      cpuCfs: this.#exists("cpu", "cpu.cfs_quota_us"),
      cpuRealtime: this.#exists("cpu", "cpu.rt_period_us"),
      cpuset: this.#of("cpuset") !== undefined,
      pidsLimit: this.#of("pids") !== undefined,
      blkioWeight: this.#exists("blkio", "blkio.weight"),
      blkioThrottle: this.#exists("blkio", "blkio.throttle.read_bps_device"),
      hugetlb: this.#of("hugetlb") !== undefined,
    };
  }
}

/** @param machine bytes of memory, which no limit is above. */
function usageOf(texts: readonly string[], machine: number): CgroupUsage {
  const text = (file: StatsFile) => texts[STATS_INDEX[file]] ?? "";
  const number = (file: StatsFile) => parseNumber(text(file));
  const split = parseTable(text("cpuacct.stat"));
  const throttling = parseTable(text("cpu.stat"));
  const taskLimit = number("pids.max");
  return {
    cpu: {
      totalNanos: number("cpuacct.usage"),
      userNanos: (split["user"] ?? 0) * TICK,
      systemNanos: (split["system"] ?? 0) * TICK,
      perCpuNanos: text("cpuacct.usage_percpu").split(" ").filter(Boolean).map(Number),
      periods: throttling["nr_periods"] ?? 0,
      throttledPeriods: throttling["nr_throttled"] ?? 0,
      throttledNanos: throttling["throttled_time"] ?? 0,
    },
    memory: {
      usage: number("memory.usage_in_bytes"),
      limit: Math.min(number("memory.limit_in_bytes"), machine),
      maxUsage: number("memory.max_usage_in_bytes"),
      failures: number("memory.failcnt"),
      stats: parseTable(text("memory.stat")),
    },
    pids: { current: number("pids.current"), limit: Number.isFinite(taskLimit) ? taskLimit : 0 },
    blockIo: mergeBlockIo(
      text("blkio.throttle.io_service_bytes_recursive"),
      text("blkio.throttle.io_serviced_recursive"),
    ),
  };
}

/** `8:0 Read 4096` of two files, a row for each device and direction. */
function mergeBlockIo(bytes: string, operations: string): CgroupStats["blockIo"] {
  const rows = new Map<string, CgroupStats["blockIo"][number]>();
  const add = (text: string, field: "bytes" | "operations") => {
    for (const line of text.split("\n")) {
      const match = /^(\d+):(\d+) (Read|Write) (\d+)$/.exec(line);
      if (match === null) continue;
      const [, major, minor, kind, value] = match;
      const op = kind === "Read" ? "read" : "write";
      const key = `${major}:${minor}:${op}`;
      const row = rows.get(key) ?? { major: Number(major), minor: Number(minor), op, bytes: 0, operations: 0 };
      row[field] = Number(value);
      rows.set(key, row);
    }
  };
  add(bytes, "bytes");
  add(operations, "operations");
  return [...rows.values()];
}

/** Exchanges the writes of two files when both are there and the test says so. */
async function swapWhen(
  writes: ResourceWrite[],
  first: string,
  second: string,
  test: (first: ResourceWrite, second: ResourceWrite) => Promise<boolean>,
): Promise<void> {
  const [one, other] = [first, second].map((file) => writes.findIndex(({ path }) => path.endsWith(file)));
  const [early, late] = [writes[one ?? -1], writes[other ?? -1]];
  if (one === undefined || other === undefined || early === undefined || late === undefined) return;
  if (!(await test(early, late))) return;
  writes[one] = late;
  writes[other] = early;
}
