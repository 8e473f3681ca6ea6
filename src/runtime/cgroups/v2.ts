import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../../base/index.ts";
import type { LinuxResources } from "../../spec/index.ts";
import type { BlockingCalls } from "../../sys/index.ts";
import type { PlanOp } from "../plan/index.ts";
import type { CgroupStats } from "../types.ts";
import { compileDeviceProgram } from "./device-program.ts";
import { type CgroupUsage, parseNumber, parseTable, readTable, UsageReader } from "./files.ts";
import { writeOp } from "./plan-writes.ts";
import { resourceWritesV2 } from "./resources-v2.ts";
import type { CgroupDriver, CgroupEntry, CgroupFacts, CgroupManager, ResourceWrite } from "./types.ts";

const MICRO = 1000;

/** What a sample is made of. */
const STATS_FILES = [
  "cpu.stat",
  "memory.current",
  "memory.max",
  "memory.peak",
  "memory.events",
  "memory.stat",
  "pids.current",
  "pids.max",
  "io.stat",
] as const;

/** cgroup v2 alone. */
export class CgroupV2 implements CgroupDriver {
  readonly facts: CgroupFacts;
  readonly #usage = new UsageReader(
    (path) => STATS_FILES.map((file) => `${this.#root}${path}/${file}`),
    (texts) => usageOf(texts, this.#memory),
  );
  readonly #memory = totalmem();
  readonly manager?: CgroupManager;
  readonly #root: string;
  readonly #prepared = new Set<string>();

  constructor(root: string, driver: CgroupFacts["driver"] = "cgroupfs") {
    this.#root = root;
    const controllers = new Set(readFileSync(`${root}/cgroup.controllers`, "utf8").trim().split(" "));
    const memory = controllers.has("memory");
    this.facts = {
      version: 2,
      driver,
      memoryLimit: memory,
      swapLimit: memory && existsSync("/proc/swaps"),
      kernelMemoryTcp: false,
      oomKillDisable: false,
      memorySwappiness: false,
      memoryReservation: memory,
      cpuShares: controllers.has("cpu"),
      cpuCfs: controllers.has("cpu"),
      cpuRealtime: false,
      cpuset: controllers.has("cpuset"),
      pidsLimit: controllers.has("pids"),
      blkioWeight: controllers.has("io"),
      blkioThrottle: controllers.has("io"),
      hugetlb: controllers.has("hugetlb"),
    };
  }

  async prepareParent(path: string): Promise<void> {
    const parent = dirname(path);
    if (this.#prepared.has(parent) && existsSync(`${this.#root}${parent}`)) return;
    const controllers = (await readFile(`${this.#root}/cgroup.controllers`, "utf8")).trim().split(" ");
    const names = parent.split("/").filter((name) => name !== "");
    for (let depth = 0; depth <= names.length; depth++) {
      const directory = [this.#root, ...names.slice(0, depth)].join("/");
      await mkdir(directory, { recursive: true });
      await Promise.all(controllers.map((controller) => enable(directory, controller)));
    }
    this.#prepared.add(parent);
  }

  create(path: string, resources: LinuxResources): PlanOp[] {
    return [
      { op: "mkdir_all", path: `${this.#root}${path}`, mode: 0o755 },
      ...this.#writes(path, resources).map(writeOp),
      {
        op: "cgroup_devices",
        path: `${this.#root}${path}`,
        program: compileDeviceProgram(resources.devices),
      },
    ];
  }

  join(path: string): CgroupEntry {
    return { ops: [], born: `${this.#root}${path}`, counted: undefined };
  }

  updates(path: string, resources: LinuxResources): Promise<ResourceWrite[]> {
    return Promise.resolve(this.#writes(path, resources));
  }

  hierarchies() {
    return [];
  }

  async freeze(path: string, frozen: boolean, signal?: AbortSignal): Promise<void> {
    const directory = `${this.#root}${path}`;
    await writeFile(`${directory}/cgroup.freeze`, frozen ? "1" : "0");
    // Thawed it is at once, unless a cgroup above is frozen: that may last, and is not its own state.
    if (!frozen) return;
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      // Of a cgroup that goes meanwhile the file is missing: that is told, not waited for.
      const events = await readFile(`${directory}/cgroup.events`, "utf8");
      if (events.includes("frozen 1")) return;
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  }

  stats(path: string, calls: Pick<BlockingCalls, "readFiles">): Promise<CgroupStats> {
    return this.#usage.read(path, calls);
  }

  async oomKills(path: string): Promise<number> {
    return (await readTable(this.oomEventsFile(path)))["oom_kill"] ?? 0;
  }

  oomEventsFile(path: string): string {
    return `${this.#root}${path}/memory.events`;
  }

  directories(path: string): string[] {
    return [`${this.#root}${path}`];
  }

  processesIn(path: string): string {
    return `${this.#root}${path}`;
  }

  killFile(path: string): string {
    return `${this.#root}${path}/cgroup.kill`;
  }

  #writes(path: string, resources: LinuxResources): ResourceWrite[] {
    const parent = `${this.#root}${dirname(path)}`;
    return resourceWritesV2(
      resources,
      (file) => `${this.#root}${path}/${file}`,
      // The root lacks most of the files; a container's parent has them. A scope is there once it is started.
      (file) => (existsSync(parent) ? existsSync(`${parent}/${file}`) : undefined),
    );
  }
}

/** Hands a controller down. One that the parent does not hand down is missing below; the write of a limit then says so. */
export async function enable(directory: string, controller: string): Promise<void> {
  try {
    await writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "EINVAL" && errno !== "EBUSY" && errno !== "EOPNOTSUPP") throw error;
  }
}

/** @param machine bytes of memory, which no limit is above. */
function usageOf(texts: readonly string[], machine: number): CgroupUsage {
  const text = (file: (typeof STATS_FILES)[number]) => texts[STATS_FILES.indexOf(file)] ?? "";
  const number = (file: (typeof STATS_FILES)[number]) => parseNumber(text(file));
  const cpu = parseTable(text("cpu.stat"));
  const limit = number("memory.max");
  const taskLimit = number("pids.max");
  return {
    cpu: {
      totalNanos: (cpu["usage_usec"] ?? 0) * MICRO,
      userNanos: (cpu["user_usec"] ?? 0) * MICRO,
      systemNanos: (cpu["system_usec"] ?? 0) * MICRO,
      perCpuNanos: [],
      periods: cpu["nr_periods"] ?? 0,
      throttledPeriods: cpu["nr_throttled"] ?? 0,
      throttledNanos: (cpu["throttled_usec"] ?? 0) * MICRO,
    },
    memory: {
      usage: number("memory.current"),
      limit: limit === 0 ? machine : Math.min(limit, machine),
      maxUsage: number("memory.peak"),
      failures: parseTable(text("memory.events"))["max"] ?? 0,
      stats: parseTable(text("memory.stat")),
    },
    pids: { current: number("pids.current"), limit: Number.isFinite(taskLimit) ? taskLimit : 0 },
    blockIo: parseIoStat(text("io.stat")),
  };
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …` */
function parseIoStat(text: string): CgroupStats["blockIo"] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (match === null) return [];
    const device = { major: Number(match[1]), minor: Number(match[2]) };
    const fields = new Map((match[3] ?? "").split(" ").map((field) => field.split("=") as [string, string])); // key=value by the kernel's format
    const number = (key: string) => Number(fields.get(key) ?? 0);
    return [
      { ...device, op: "read" as const, bytes: number("rbytes"), operations: number("rios") },
      { ...device, op: "write" as const, bytes: number("wbytes"), operations: number("wios") },
    ];
  });
}
