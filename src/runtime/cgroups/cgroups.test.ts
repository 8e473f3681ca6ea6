import { afterEach, describe, expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../base/index.ts";
import type { DeviceRule, LinuxResources } from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { loadNative } from "../../sys/index.ts";
import { reasonOf } from "../testing/rejection.ts";
import { compileDeviceProgram } from "./device-program.ts";
import { deviceRuleText } from "./device-rules.ts";
import { isUnified, parseHierarchies } from "./hierarchies.ts";
import { applyWrites, cgroupPath, freezeAll, killCgroup, listProcesses, openCgroups, removeCgroup } from "./index.ts";
import { resourceWritesV1 } from "./resources-v1.ts";
import { cpuWeight, resourceWritesV2 } from "./resources-v2.ts";
import { CgroupV1 } from "./v1.ts";

const native = loadNative();

describe("the host's hierarchies", () => {
  const hybrid = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory
36 31 0:32 / /somewhere\\040else rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate`;

  test("hybrid", () => {
    const found = parseHierarchies(hybrid);
    expect(found).toEqual({
      v1: [
        { mountpoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
        { mountpoint: "/sys/fs/cgroup/memory", controllers: ["memory"] },
        { mountpoint: "/sys/fs/cgroup/systemd", controllers: ["name=systemd"] },
      ],
      unified: "/sys/fs/cgroup/unified",
    });
    expect(isUnified(found)).toBe(false);
  });

  test("unified", () => {
    const found = parseHierarchies("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    expect(isUnified(found)).toBe(true);
  });

  test("paths stay beneath the root", () => {
    expect(cgroupPath("docker/abc")).toBe("/docker/abc");
    expect(() => cgroupPath("/docker/../../x")).toThrow("invalid cgroup path");
    expect(() => cgroupPath("/")).toThrow("invalid cgroup path");
  });

  test("the systemd driver needs systemd and cgroup v2, and others are not known", async () => {
    const said = await openCgroups({ driver: "systemd" }).then(({ facts }) => facts.driver, messageOf);
    expect(said).toMatch(/^systemd$|systemd support for managing cgroups is not available|needs cgroup v2 alone/);
    expect(await reasonOf(openCgroups({ driver: "foo" }))).toContain("option foo is internally not supported");
  });
});

const everything: LinuxResources = {
  devices: [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
    { allow: true, type: "b", access: "m" },
  ],
  memory: { limit: 100, swap: 300, reservation: 50, swappiness: 0, disableOOMKiller: true, kernel: 70 },
  cpu: { shares: 512, quota: 50000, period: 100000, cpus: "0-1", mems: "0", realtimeRuntime: 9, realtimePeriod: 10 },
  pids: { limit: 20 },
  blockIO: {
    weight: 500,
    weightDevice: [{ major: 8, minor: 0, weight: 100 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 2 }],
  },
  hugepageLimits: [{ pageSize: "2MB", limit: 4 }],
};

describe("limits as files", () => {
  test("of v1", () => {
    const writes = resourceWritesV1(
      everything,
      (controller, file) => `/${controller}/${file}`,
      () => true,
    );
    expect(writes.map(({ path, value }) => `${path} ${value}`)).toEqual([
      "/cpuset/cpuset.cpus 0-1",
      "/cpuset/cpuset.mems 0",
      "/memory/memory.limit_in_bytes 100",
      "/memory/memory.memsw.limit_in_bytes 300",
      "/memory/memory.soft_limit_in_bytes 50",
      "/memory/memory.kmem.limit_in_bytes 70",
      "/memory/memory.swappiness 0",
      "/memory/memory.oom_control 1",
      "/cpu/cpu.shares 512",
      "/cpu/cpu.cfs_period_us 100000",
      "/cpu/cpu.cfs_quota_us 50000",
      "/cpu/cpu.rt_period_us 10",
      "/cpu/cpu.rt_runtime_us 9",
      "/pids/pids.max 20",
      "/blkio/blkio.weight 500",
      "/blkio/blkio.weight_device 8:0 100",
      "/blkio/blkio.throttle.read_bps_device 8:0 1",
      "/blkio/blkio.throttle.write_iops_device 8:0 2",
      "/hugetlb/hugetlb.2MB.limit_in_bytes 4",
      "/devices/devices.deny a *:* rwm",
      "/devices/devices.allow c 1:3 rwm",
      "/devices/devices.allow b *:* m",
    ]);
  });

  test("of v2", () => {
    const writes = resourceWritesV2(
      everything,
      (file) => file,
      () => false,
    );
    expect(writes.map(({ path, value }) => `${path} ${value}`)).toEqual([
      "cpuset.cpus 0-1",
      "cpuset.mems 0",
      "memory.max 100",
      "memory.swap.max 200",
      "memory.low 50",
      "cpu.weight 20",
      "cpu.max 50000 100000",
      "pids.max 20",
      "io.weight 4950",
      "io.max 8:0 rbps=1",
      "io.max 8:0 wiops=2",
      "hugetlb.2MB.max 4",
    ]);
    expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262144)]).toEqual([1, 39, 10000]);
  });

  test("v2 cannot tell swap from the sum of both without a limit on memory", () => {
    const writes = (memory: LinuxResources["memory"]) =>
      resourceWritesV2(
        { devices: [], ...(memory !== undefined && { memory }) },
        (file) => file,
        () => false,
      );
    expect(() => writes({ swap: 300 })).toThrow("unable to set swap limit without memory limit");
    expect(writes({ swap: -1 }).map(({ value }) => value)).toEqual(["max"]);
  });

  test("what is not asked for is not written", () => {
    expect(
      resourceWritesV1(
        { devices: [], memory: {}, cpu: { cpus: "", shares: 0 }, pids: { limit: 0 } },
        () => "x",
        () => true,
      ),
    ).toEqual([]);
  });
});

describe("v2's device program", () => {
  const NULL = { type: 2, major: 1, minor: 3 };
  const [M, READ, WRITE] = [1, 2, 4];
  const rules: DeviceRule[] = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", access: "m" },
    { allow: true, type: "c", major: 1, minor: 3, access: "r" },
    { allow: true, type: "c", major: 1, minor: 3, access: "w" },
    { allow: true, type: "c", major: 136, access: "rwm" },
    { allow: false, type: "c", major: 136, minor: 7, access: "w" },
  ];
  const ask = (given: DeviceRule[], device: { type: number; major: number; minor: number }, access: number) =>
    runDeviceProgram(compileDeviceProgram(given), (access << 16) | device.type, device.major, device.minor) === 1;

  test.each([
    ["null, read and write", NULL, READ | WRITE, true],
    ["null, made too", NULL, READ | M, false],
    ["any character device made", { type: 2, major: 9, minor: 9 }, M, true],
    ["any character device read", { type: 2, major: 9, minor: 9 }, READ, false],
    ["a block device made", { type: 1, major: 9, minor: 9 }, M, false],
    ["a terminal", { type: 2, major: 136, minor: 200 }, READ | WRITE, true],
    ["the terminal that is taken out", { type: 2, major: 136, minor: 7 }, READ | WRITE, false],
    ["the terminal that is taken out, read", { type: 2, major: 136, minor: 7 }, READ, true],
  ])("%s", (_name, device, access, allowed) => {
    expect(ask(rules, device, access)).toBe(allowed);
  });

  test("everything is allowed to the privileged", () => {
    expect(ask([...rules, { allow: true, access: "rwm" }], { type: 1, major: 8, minor: 0 }, 7)).toBe(true);
    expect(ask([], NULL, READ)).toBe(false);
  });

  test("rules as text", () => {
    expect(deviceRuleText({ allow: true, type: "c", major: 136, minor: -1, access: "rw" })).toBe("c 136:* rw");
  });
});

/** Runs the few instructions that such programs have, as the kernel does. */
function runDeviceProgram(program: Uint8Array, accessType: number, major: number, minor: number): number {
  const context = [accessType, major, minor];
  const view = new DataView(program.buffer);
  const registers = Array.from({ length: 11 }, () => 0);
  for (let at = 0; ; at++) {
    const opcode = view.getUint8(at * 8);
    const target = view.getUint8(at * 8 + 1) & 15;
    const source = view.getUint8(at * 8 + 1) >> 4;
    const offset = view.getInt16(at * 8 + 2, true);
    const immediate = view.getInt32(at * 8 + 4, true);
    const value = registers[target] ?? 0;
    if (opcode === 0x61) registers[target] = context[offset / 4] ?? 0;
    else if (opcode === 0xbc) registers[target] = registers[source] ?? 0;
    else if (opcode === 0xb7) registers[target] = immediate;
    else if (opcode === 0x54) registers[target] = value & immediate;
    else if (opcode === 0x74) registers[target] = value >>> immediate;
    else if (opcode === 0x15) at += value === immediate ? offset : 0;
    else if (opcode === 0x55) at += value === immediate ? 0 : offset;
    else if (opcode === 0x95) return registers[0] ?? 0;
    else throw new Error(`unknown instruction ${opcode}`);
  }
}

describe("a real cgroup", () => {
  const path = `/berth-test-${process.pid}/one`;
  const children: ChildProcess[] = [];

  afterEach(async () => {
    const driver = await openCgroups();
    await killCgroup(driver, path);
    for (const child of children.splice(0))
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await removeCgroup(driver, path);
    await removeCgroup(driver, path.replace("/one", ""));
  });

  async function make(resources: LinuxResources = { devices: [] }) {
    const driver = await openCgroups();
    await driver.prepareParent(path);
    run(driver.create(path, resources));
    return driver;
  }

  /** A process in the cgroup, in every hierarchy. */
  async function member(directories: string[], command: string[]): Promise<ChildProcess> {
    const [program = "", ...args] = command;
    const child = spawn(program, args, { stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    for (const directory of directories) writeFileSync(`${directory}/cgroup.procs`, String(child.pid));
    return child;
  }

  test("is made with limits, lists, freezes, kills and goes away", async () => {
    const driver = await make({ devices: [], pids: { limit: 50 }, memory: { limit: 64 << 20 } });
    const child = await member(driver.directories(path), ["sleep", "1000"]);
    expect(await listProcesses(driver, path)).toEqual([child.pid ?? 0]);
    await driver.freeze(path, true);
    const stats = await driver.stats(path, native);
    expect(stats.pids.limit).toBe(driver.facts.pidsLimit ? 50 : 0);
    if (driver.facts.memoryLimit) expect(stats.memory.limit).toBe(64 << 20);
    expect(await driver.oomKills(path)).toBe(0);
    const exit = once(child, "exit");
    await killCgroup(driver, path);
    expect(await exit).toEqual([null, "SIGKILL"]);
    mkdirSync(`${driver.processesIn(path)}/below`);
    await removeCgroup(driver, path);
    expect(driver.directories(path).filter((directory) => existsSync(directory))).toEqual([]);
    expect(await listProcesses(driver, path)).toEqual([]);
  });

  test("what cannot be frozen in time is thawed again", async () => {
    const done: string[] = [];
    const limit = new AbortController();
    const driver = {
      async freeze(_path: string, frozen: boolean, signal?: AbortSignal): Promise<void> {
        done.push(frozen ? "freeze" : "thaw");
        if (!frozen || signal === undefined) return;
        const aborted = once(signal, "abort");
        limit.abort();
        await aborted;
        throw signal.reason;
      },
    };
    expect(await reasonOf(freezeAll(driver, "/stuck", limit.signal))).toContain(
      "OCI runtime pause failed: unable to freeze",
    );
    expect(done).toEqual(["freeze", "thaw"]);
  });

  test("takes new limits, all or none", async () => {
    const driver = await make({ devices: [], memory: { limit: 64 << 20 } });
    if (!driver.facts.pidsLimit || !driver.facts.memoryLimit) {
      console.log("skipped: this host's cgroups have no pids or memory controller");
      return;
    }
    await applyWrites(await driver.updates(path, { devices: [], memory: { limit: 96 << 20 }, pids: { limit: 7 } }));
    const [memory, pids] = await driver.updates(path, { devices: [], memory: { limit: 32 << 20 }, pids: { limit: 9 } });
    if (memory === undefined || pids === undefined) throw new Error("no files for the limits");
    const refused = { ...pids, value: "many" };
    expect(await reasonOf(applyWrites([memory, refused]))).toContain(
      `failed to write "many": write ${pids.path}: invalid argument`,
    );
    const stats = await driver.stats(path, native);
    expect(readFileSync(pids.path, "utf8").trim()).toBe("7");
    expect(stats.memory.limit).toBe(96 << 20);
  });
});

test("v1 shortens a period after its quota and lengthens it before: their ratio is never above both", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-v1-"));
  try {
    const driver = new CgroupV1({ v1: [{ mountpoint: root, controllers: ["cpu"] }], unified: undefined });
    writeFileSync(join(root, "cpu.cfs_period_us"), "100000\n");
    const order = async (period: number) =>
      (await driver.updates("", { devices: [], cpu: { period, quota: 20_000 } })).map(({ value }) => value);
    expect(await order(50_000)).toEqual(["20000", "50000"]);
    expect(await order(200_000)).toEqual(["200000", "20000"]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

/** What a plan's first steps do, by hand. */
function run(ops: PlanOp[]): void {
  for (const op of ops) {
    if (op.op === "mkdir_all") mkdirSync(op.path, { recursive: true });
    else if (op.op === "write_file") writeFileSync(op.path, op.data);
    else if (op.op !== "cgroup_devices") throw new Error(`unexpected ${op.op}`); // which is for the shim to attach
  }
}
