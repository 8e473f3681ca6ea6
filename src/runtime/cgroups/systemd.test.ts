import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { SystemdManager, type Property } from "../systemd/index.ts";
import { reasonOf } from "../testing/rejection.ts";
import { freezeAll } from "./processes.ts";
import { limitProperties, listToMask } from "./scope-properties.ts";
import { cgroupPath, scopeOf, slicePath } from "./slices.ts";
import { SystemdCgroups } from "./systemd.ts";
import { CgroupV2 } from "./v2.ts";

const MIB = 1024 * 1024;
const NO_LIMIT = 2n ** 64n - 1n;
const BAD_SLICE = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"';

describe("names of slices and scopes", () => {
  test("a slice lies in those that its name begins with", () => {
    expect(slicePath("system.slice")).toBe("/system.slice");
    expect(slicePath("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
    expect(slicePath("-.slice")).toBe("");
  });

  test.each(["", ".slice", "/a", "a/b.slice", "a--b.slice", "-a.slice", "a-.slice", "a.scope", "x.slice/"])(
    "%p is none",
    (name) => expect(() => slicePath(name)).toThrow(BAD_SLICE),
  );

  test("a container's cgroup is within its scope", () => {
    const path = cgroupPath("a-b.slice:docker:123");
    expect(path).toBe("/a.slice/a-b.slice/docker-123.scope/container");
    expect(scopeOf(path)).toEqual({
      unit: "docker-123.scope",
      slice: "a-b.slice",
      path: "/a.slice/a-b.slice/docker-123.scope",
    });
    expect(cgroupPath("a:b.slice:docker:123")).toBe("/a:b.slice/docker-123.scope/container");
    expect(scopeOf(cgroupPath("-.slice:docker:1"))?.slice).toBe("-.slice");
    expect(scopeOf("/docker/123")).toBeUndefined();
    expect(() => cgroupPath("/docker:docker:123")).toThrow(BAD_SLICE);
  });
});

describe("limits as properties", () => {
  test("leave room for the supervisor, but not in weights and protection", () => {
    const resources = {
      devices: [],
      memory: { limit: 64 * MIB, swap: 96 * MIB, reservation: 16 * MIB },
      cpu: { shares: 1024, quota: 50_000, period: 100_000, cpus: "0,2-3", mems: "0" },
      pids: { limit: 10 },
      blockIO: { weight: 500 },
    };
    expect(limitProperties(resources)).toEqual([
      ["MemoryMax", "t", BigInt(72 * MIB)],
      ["MemorySwapMax", "t", BigInt(32 * MIB)],
      ["MemoryLow", "t", BigInt(16 * MIB)],
      ["CPUWeight", "t", 39n],
      ["CPUQuotaPerSecUSec", "t", 550_000n],
      ["CPUQuotaPeriodUSec", "t", 100_000n],
      ["TasksMax", "t", 74n],
      ["IOWeight", "t", 4950n],
      ["AllowedCPUs", "ay", Uint8Array.of(0b1101)],
      ["AllowedMemoryNodes", "ay", Uint8Array.of(1)],
    ]);
  });

  test("no limit is the largest number, and nothing asked is nothing said", () => {
    const unlimited = { devices: [], memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } };
    expect(limitProperties(unlimited)).toEqual([
      ["MemoryMax", "t", NO_LIMIT],
      ["MemorySwapMax", "t", NO_LIMIT],
      ["CPUQuotaPerSecUSec", "t", NO_LIMIT],
      ["TasksMax", "t", NO_LIMIT],
    ]);
    expect(limitProperties({ devices: [] })).toEqual([]);
  });

  test("sets of processors are bits from the lowest", () => {
    expect(listToMask("0-1,8,17")).toEqual(Uint8Array.of(3, 1, 2));
  });
});

test("neither the freezing of a cgroup that goes meanwhile nor a thaw is waited for", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-gone-"));
  try {
    writeFileSync(join(root, "cgroup.controllers"), "cpu\n");
    mkdirSync(join(root, "gone"));
    const cgroups = new CgroupV2(root);
    expect(await reasonOf(cgroups.freeze("/gone", true))).toContain("ENOENT");
    // As the kernel says for as long as a cgroup above is frozen.
    writeFileSync(join(root, "gone/cgroup.events"), "populated 1\nfrozen 1\n");
    await cgroups.freeze("/gone", false);
    expect(readFileSync(join(root, "gone/cgroup.freeze"), "utf8")).toBe("0");
    // A process in an uninterruptible wait.
    writeFileSync(join(root, "gone/cgroup.events"), "populated 1\nfrozen 0\n");
    expect(await reasonOf(freezeAll(cgroups, "/gone", AbortSignal.timeout(20)))).toContain("unable to freeze");
    expect(readFileSync(join(root, "gone/cgroup.freeze"), "utf8")).toBe("0");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

describe("a container's scope", () => {
  let root: string;
  let said: string[];
  const path = "/system.slice/docker-1.scope/container";
  const scope = "/system.slice/docker-1.scope";

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "berth-scope-"));
    said = [];
    writeFileSync(join(root, "cgroup.controllers"), "cpu memory hugetlb\n");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const shown = ([key, , value]: Property) => `${key}=${inspect(value)}`;

  class Recording extends SystemdManager {
    override startScope(name: string, properties: readonly Property[]): Promise<void> {
      said.push(`start ${name}`, ...properties.map(shown));
      mkdirSync(join(root, scope), { recursive: true });
      writeFileSync(join(root, scope, "cgroup.controllers"), "memory hugetlb\n");
      return Promise.resolve();
    }
    override setProperties(name: string, properties: readonly Property[]): Promise<void> {
      said.push(`set ${name}`, ...properties.map(shown));
      return Promise.resolve();
    }
    override stop(name: string): Promise<void> {
      said.push(`stop ${name}`);
      return Promise.resolve();
    }
  }

  test("has its supervisor beside the container, and hands down what it has", async () => {
    const cgroups = new SystemdCgroups(root, new Recording());
    expect(cgroups.facts.driver).toBe("systemd");
    await cgroups.prepareParent(path);
    await cgroups.manager.adopt(path, 4711, { devices: [], pids: { limit: 5 } });
    expect(said).toEqual([
      "start docker-1.scope",
      "Description='Container 1'",
      "Slice='system.slice'",
      "PIDs=[ 4711 ]",
      "Delegate=true",
      "DefaultDependencies=false",
      "CollectMode='inactive-or-failed'",
      "TasksMax=69n",
    ]);
    expect(readFileSync(join(root, scope, "supervisor/cgroup.procs"), "utf8")).toBe("4711");
    expect(readFileSync(join(root, scope, "cgroup.subtree_control"), "utf8")).toBe("+hugetlb");
  });

  test("has the weights of block I/O, which hold between scopes, in the files of the kernel", async () => {
    const cgroups = new SystemdCgroups(root, new Recording());
    const blockIO = { weight: 500, weightDevice: [{ major: 7, minor: 0, weight: 300 }] };
    const planned = () => cgroups.create(path, { devices: [], blockIO }).filter((op) => op.op === "write_file");
    // Before there is a scope nobody knows which of the files the kernel has.
    expect(planned().map((op) => [op.path.slice(root.length), Buffer.from(op.data).toString(), op.ignore])).toEqual([
      [`${path}/io.weight`, "4950", [constants.errno.ENOENT]],
      [`${path}/io.bfq.weight`, "500", [constants.errno.ENOENT]],
      [`${path}/io.bfq.weight`, "7:0 300", [constants.errno.ENOENT]],
    ]);
    await cgroups.manager.adopt(path, 4711, { devices: [], blockIO: { weight: 500 } });
    expect(readFileSync(join(root, scope, "io.weight"), "utf8")).toBe("4950");
    writeFileSync(join(root, scope, "io.bfq.weight"), "");
    await cgroups.manager.update(path, { devices: [], blockIO: { weight: 300 } });
    expect(readFileSync(join(root, scope, "io.bfq.weight"), "utf8")).toBe("300");
    await cgroups.manager.update(path, { devices: [], blockIO: { weightDevice: blockIO.weightDevice } });
    expect(readFileSync(join(root, scope, "io.bfq.weight"), "utf8")).toBe("7:0 300");
    expect(planned().map((op) => [op.path.slice(root.length), op.ignore])).toEqual([
      [`${path}/io.bfq.weight`, []],
      [`${path}/io.bfq.weight`, []],
    ]);
  });

  test("is told of new limits, and stopped at the end", async () => {
    const { manager } = new SystemdCgroups(root, new Recording());
    await manager.update(path, { devices: [] });
    await manager.update(path, { devices: [], cpu: { shares: 2 } });
    await manager.dismiss(path);
    expect(said).toEqual(["set docker-1.scope", "CPUWeight=1n", "stop docker-1.scope"]);
  });

  test("leaves a quota the room that the container's own has, whichever half of it is new", async () => {
    const { manager } = new SystemdCgroups(root, new Recording());
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, "cpu.max"), "25000 50000\n");
    await manager.update(path, { devices: [], cpu: { quota: 25_000 } });
    writeFileSync(join(root, path, "cpu.max"), "max 20000\n");
    await manager.update(path, { devices: [], cpu: { period: 20_000 } });
    expect(said).toEqual([
      "set docker-1.scope",
      "CPUQuotaPerSecUSec=550000n",
      "CPUQuotaPeriodUSec=50000n",
      "set docker-1.scope",
      `CPUQuotaPerSecUSec=${NO_LIMIT}n`,
      "CPUQuotaPeriodUSec=20000n",
    ]);
  });

  test("is nothing to a container that was made without systemd", async () => {
    const cgroups = new SystemdCgroups(root, new Recording());
    await cgroups.prepareParent("/docker/1");
    await cgroups.manager.adopt("/docker/1", 4711, { devices: [] });
    await cgroups.manager.update("/docker/1", { devices: [], pids: { limit: 5 } });
    await cgroups.manager.dismiss("/docker/1");
    expect(said).toEqual([]);
  });
});
