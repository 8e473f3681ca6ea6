import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { eventually } from "../../support/wait.ts";
import { LimitedWorld, MIB, UNIFIED } from "./world.ts";

// Each limit is proven by what it does to a container, on whichever version of cgroups this machine runs.

let world: LimitedWorld;
beforeAll(async () => {
  world = await LimitedWorld.start();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const BUSY = "while :; do :; done";
const hasSwap = readFileSync("/proc/swaps", "utf8").trim().split("\n").length > 1;
if (!existsSync("/dev/loop-control")) console.log("skipped: there is no /dev/loop-control to open");
if (!UNIFIED)
  console.log("skipped: a reservation by its effect: version 1 heeds it only when the whole machine lacks memory");
if (!hasSwap) console.log("skipped: a limit of swap has no effect on a machine without swap");
if (!UNIFIED) console.log("skipped: the container's view of its cgroup, which only version 2 has");
if (UNIFIED) console.log("skipped: swappiness, which only version 1 has");

describe("memory", () => {
  test("what needs more than its limit is killed, and said to be", async () => {
    const { code, oom } = await world.run({ Memory: 16 * MIB, MemorySwap: 16 * MIB }, "tail", "/dev/zero");
    expect([code, oom]).toEqual([137, true]);
  });

  test("what stays below its limit lives", async () => {
    const script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null && echo fits";
    const { code, oom, output } = await world.run({ Memory: 32 * MIB }, "sh", "-c", script);
    expect([code, oom, output]).toEqual([0, false, "fits\n"]);
  });

  // Memory has 16 MiB in all of them.
  test.skipIf(!hasSwap).each([
    ["up to its own limit", { MemorySwap: 40 * MIB }, 26, 60],
    ["up to as much again where no limit is said", {}, 26, 48],
    ["nothing where both limits are the same", { MemorySwap: 16 * MIB }, 8, 24],
    ["everything where it has no limit", { MemorySwap: -1 }, 60, undefined],
  ] as const)("swap takes what memory does not: %s", async (_name, swap, fits, exceeds) => {
    const fill = async (count: number) => {
      const script = `dd if=/dev/zero of=/dev/shm/x bs=1M count=${count} 2>/dev/null && echo fits`;
      return (await world.run({ Memory: 16 * MIB, ...swap }, "sh", "-c", script)).output;
    };
    expect(await fill(fits)).toBe("fits\n");
    if (exceeds !== undefined) expect(await fill(exceeds)).not.toContain("fits");
  });

  // Only version 1 has it.
  test.skipIf(UNIFIED || !hasSwap)("nothing is swapped with a swappiness of none", async () => {
    const limits = { Memory: 16 * MIB, MemorySwap: 40 * MIB };
    const script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=26 2>/dev/null && echo fits";
    const fill = async (swappiness: number) =>
      (await world.run({ ...limits, MemorySwappiness: swappiness }, "sh", "-c", script)).output;
    expect(await fill(60)).toBe("fits\n");
    expect(await fill(0)).not.toContain("fits");
  });

  test.skipIf(!UNIFIED)("a reservation keeps what a neighbour without one has to give up", async () => {
    const hold = "dd if=/dev/zero of=/x bs=1M count=16 2>/dev/null; sync; echo held; sleep 1000";
    const read = "dd if=/dev/zero of=/x bs=1M count=96; sync; echo held; while :; do dd if=/x of=/dev/null bs=1M; done";
    const begin = async (limits: object, script: string) => {
      const id = await world.begin(limits, "sh", "-c", `exec 2>/dev/null; ${script}`);
      await world.said(id, "held");
      return id;
    };
    const cached = async (id: string) => {
      const [, bytes] = /^file (\d+)$/m.exec(await world.cgroupFile(id, ["", ""], "memory.stat")) ?? [];
      return Number(bytes) / MIB;
    };
    const [kept, given] = [await begin({ MemoryReservation: 24 * MIB }, hold), await begin({}, hold)];
    const greedy = await begin({}, read);
    expect([await cached(kept), await cached(given)].every((size) => size >= 15)).toBe(true);
    // All that the engine's containers have together.
    const all = `/sys/fs/cgroup/${world.engine.cgroupParent}/memory.max`;
    writeFileSync(all, String(64 * MIB));
    await eventually("the neighbour has given up what it had", async () => (await cached(given)) < 4);
    expect(await cached(kept)).toBeGreaterThanOrEqual(15);
    writeFileSync(all, "max");
    await Promise.all([kept, given, greedy].map((id) => world.remove(id)));
  });

  test("a reservation reaches the kernel, and statistics tell what is used", async () => {
    const hold = "dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; sleep 1000 & echo held; wait";
    const id = await world.begin({ Memory: 64 * MIB, MemoryReservation: 24 * MIB }, "sh", "-c", hold);
    await world.said(id, "held");
    const soft = await world.cgroupFile(id, ["memory", "memory.soft_limit_in_bytes"], "memory.low");
    expect(soft).toBe(String(24 * MIB));
    const { memory_stats: memory, pids_stats: pids } = await world.stats(id);
    expect(memory.limit).toBe(64 * MIB);
    expect(memory.usage).toBeGreaterThanOrEqual(8 * MIB);
    expect(memory.usage).toBeLessThan(64 * MIB);
    expect(pids.current).toBe(2);
    await world.remove(id);
  });

  const killer = !UNIFIED && existsSync("/sys/fs/cgroup/memory/memory.oom_control");
  if (!killer) console.log("skipped: turning off the killer at the limit, which only version 1 can");
  test.skipIf(!killer)("without the killer it waits at the limit until it gets more", async () => {
    const limits = { Memory: 16 * MIB, MemorySwap: 16 * MIB, OomKillDisable: true };
    // The kernel lets only a program wait that reaches the limit by itself; a call that does gives ENOMEM.
    const id = await world.begin(limits, "sh", "-c", "x=xxxxxxxx; while :; do x=$x$x; done");
    const waits = async () => {
      const control = await world.cgroupFile(id, ["memory", "memory.oom_control"], "");
      return /^oom_kill_disable 1\nunder_oom 1$/m.test(control);
    };
    await eventually("that it waits", waits);
    await eventually("that it is told", async () => (await world.inspect(id)).State.OOMKilled);
    expect((await world.inspect(id)).State).toMatchObject({ Status: "running" });
    expect((await world.events(id)).filter((action) => action === "oom")).not.toEqual([]);
    expect(await world.update(id, { Memory: 64 * MIB, MemorySwap: 64 * MIB })).toStartWith("200 ");
    await eventually("that it waits again", async () => {
      const { usage } = (await world.stats(id)).memory_stats;
      return usage > 60 * MIB && (await waits());
    });
    expect((await world.engine.api("POST", `/containers/${id}/kill`)).status).toBe(204);
    await world.engine.api("POST", `/containers/${id}/wait`);
    expect((await world.inspect(id)).State).toMatchObject({ ExitCode: 137 });
    await world.remove(id);
  });

  test("one that lost a process for want of memory is flagged while it runs, and at its end", async () => {
    const limits = { Memory: 16 * MIB, MemorySwap: 16 * MIB };
    const id = await world.begin(limits, "sh", "-c", "tail /dev/zero; echo left; sleep 1000");
    await world.said(id, "left");
    await eventually("that it is told", async () => (await world.inspect(id)).State.OOMKilled);
    expect((await world.inspect(id)).State.Status).toBe("running");
    expect((await world.events(id)).at(-1)).toBe("oom");
    await world.engine.api("POST", `/containers/${id}/kill`);
    await world.engine.api("POST", `/containers/${id}/wait`);
    expect((await world.inspect(id)).State.OOMKilled).toBe(true);
    await world.remove(id);
  });

  test("the kernel's choice among processes follows the score, also of an exec", async () => {
    const id = await world.begin({ OomScoreAdj: 500 }, "sleep", "1000");
    for (const process of ["1", "self"]) {
      expect(await world.exec(id, "cat", `/proc/${process}/oom_score_adj`)).toBe("500");
    }
    const score = Number(await world.exec(id, "cat", "/proc/1/oom_score"));
    const plain = await world.begin({}, "sleep", "1000");
    expect(score).toBeGreaterThan(Number(await world.exec(plain, "cat", "/proc/1/oom_score")) + 200);
    await Promise.all([id, plain].map((each) => world.remove(each)));
  });

  test("a limit that is lowered under a running container holds", async () => {
    const script = "trap 'tail /dev/zero; exit' USR1; echo up; while :; do sleep 0.1; done";
    const id = await world.begin({ Memory: 512 * MIB, MemorySwap: 512 * MIB }, "sh", "-c", script);
    await world.said(id, "up");
    expect(await world.update(id, { Memory: 16 * MIB, MemorySwap: 16 * MIB })).toStartWith("200 ");
    const file = await world.cgroupFile(id, ["memory", "memory.limit_in_bytes"], "memory.max");
    expect(file).toBe(String(16 * MIB));
    await world.engine.api("POST", `/containers/${id}/kill?signal=USR1`);
    await world.engine.api("POST", `/containers/${id}/wait`);
    expect((await world.inspect(id)).State.OOMKilled).toBe(true);
    await world.remove(id);
  });
});

describe("cpu", () => {
  test("a quota holds the rate", async () => {
    const id = await world.begin({ NanoCpus: 100_000_000 }, "sh", "-c", BUSY);
    const { throttling_data: throttling, cpu_usage: usage } = await eventually("some throttled periods", async () => {
      const { cpu_stats: stats } = await world.stats(id);
      return stats.throttling_data.throttled_periods >= 10 && stats;
    });
    // A tenth of each 100 ms; the kernel lets a slice or two more through, and counts a period that has just begun.
    const allowed = (throttling.periods + 2) * 10_000_000;
    expect(usage.total_usage).toBeLessThan(allowed * 1.5);
    await world.remove(id);
  });

  test("shares divide one processor", async () => {
    const busy = (shares: number) => world.begin({ CpuShares: shares, CpusetCpus: "0" }, "sh", "-c", BUSY);
    const [large, small] = await Promise.all([busy(4096), busy(256)]);
    const used = async () =>
      await Promise.all([large, small].map(async (id) => (await world.stats(id)).cpu_stats.cpu_usage.total_usage));
    const [largeStart = 0, smallStart = 0] = await used();
    const [more, less] = await eventually("a while of the processor for both", async () => {
      const [largeNow = 0, smallNow = 0] = await used();
      const both = [largeNow - largeStart, smallNow - smallStart] as const;
      return both[0] + both[1] >= 300_000_000 && both;
    });
    expect(more).toBeGreaterThan(less * 3);
    await Promise.all([large, small].map((id) => world.remove(id)));
  });

  test("a set of processors is all that is seen, also after a change", async () => {
    const last = String(cpus().length - 1);
    const id = await world.begin({ CpusetCpus: "0" }, "sleep", "1000");
    const allowed = async () => (await world.exec(id, "grep", "Cpus_allowed_list", "/proc/1/status")).split(/\s+/)[1];
    expect(await allowed()).toBe("0");
    expect(await world.update(id, { CpusetCpus: last })).toStartWith("200 ");
    expect(await allowed()).toBe(last);
    await world.remove(id);
  });

  test("a set of memory nodes is all that is used", async () => {
    const { code, output } = await world.run({ CpusetMems: "0" }, "grep", "Mems_allowed_list", "/proc/self/status");
    expect([code, output.split(/\s+/)[1]]).toEqual([0, "0"]);
  });
});

describe("processes", () => {
  test("no more than the limit are forked, and a raised limit lets more through", async () => {
    const fork = "while :; do read line; for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait; done";
    const refused = await world.run(
      { PidsLimit: 4 },
      "sh",
      "-c",
      "for i in 1 2 3 4 5 6; do sleep 1000 & done; echo all",
    );
    expect(refused.output).toContain("can't fork: Resource temporarily unavailable");
    const id = await world.begin({ PidsLimit: 4 }, "sh", "-c", fork);
    expect((await world.stats(id)).pids_stats.limit).toBe(4);
    expect(await world.update(id, { PidsLimit: 40 })).toStartWith("200 ");
    expect(await world.exec(id, "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.1 & done; wait; echo all")).toBe("all");
    await world.remove(id);
  });

  test("one process is enough to start with, and a command enters a container that is full", async () => {
    const fork = ["sh", "-c", "ls; echo $?"];
    const alone = await world.run({ PidsLimit: 1 }, ...fork);
    expect([alone.code, alone.output.trim()]).toEqual([2, "sh: can't fork: Resource temporarily unavailable"]);
    const id = await world.begin({ PidsLimit: 1 }, "sleep", "1000");
    expect(await world.cgroupFile(id, ["pids", "pids.max"], "pids.max")).toBe("1");
    expect(await world.exec(id, "echo", "in")).toBe("in");
    expect(await world.cgroupFile(id, ["pids", "pids.current"], "pids.current")).toBe("1");
    // A child of the command is one too many, since the command counts.
    expect(await world.exec(id, "sh", "-c", "trap 'exit 0' EXIT; ls / 2>&1")).toContain("can't fork");
    await world.remove(id);
  });

  test("a paused container uses no processor until it goes on", async () => {
    const id = await world.begin({}, "sh", "-c", BUSY);
    const used = async () => (await world.stats(id)).cpu_stats.cpu_usage.total_usage;
    await eventually("that it runs", async () => (await used()) > 0);
    expect((await world.engine.api("POST", `/containers/${id}/pause`)).status).toBe(204);
    const [first, second] = [await used(), await used()];
    expect(second).toBe(first);
    expect((await world.inspect(id)).State.Status).toBe("paused");
    expect((await world.engine.api("POST", `/containers/${id}/unpause`)).status).toBe(204);
    await eventually("that it goes on", async () => (await used()) > second);
    await world.remove(id);
  });
});

describe.skipIf(!existsSync("/dev/loop-control"))("devices", () => {
  // /dev/loop-control: opening it needs no capability.
  const read = "mknod /tmp/loops c 10 237; exec 3</tmp/loops && echo open";

  test("one that no rule names is refused", async () => {
    expect((await world.run({}, "sh", "-c", read)).output).toContain("Operation not permitted");
  });

  test("a rule lets it in, for what the rule says", async () => {
    const rules = { DeviceCgroupRules: ["c 10:237 rm"] };
    expect((await world.run(rules, "sh", "-c", read)).output).toBe("open\n");
    const write = await world.run(rules, "sh", "-c", "mknod /tmp/loops c 10 237; exec 3>/tmp/loops");
    expect(write.output).toContain("Operation not permitted");
  });

  test("a device that is given is there with its permissions alone", async () => {
    const devices = [{ PathOnHost: "/dev/loop-control", PathInContainer: "/dev/loops", CgroupPermissions: "r" }];
    const { output } = await world.run(
      { Devices: devices },
      "sh",
      "-c",
      "exec 3</dev/loops && echo open; exec 3>/dev/loops",
    );
    expect(output).toStartWith("open\n");
    expect(output).toContain("Operation not permitted");
  });

  test("a privileged container has them all", async () => {
    expect((await world.run({ Privileged: true }, "sh", "-c", read)).output).toBe("open\n");
  });
});

describe("what the container sees", () => {
  test.skipIf(!UNIFIED)("its own cgroup is the root, read-only, with its limits", async () => {
    const script = "cat /proc/self/cgroup /sys/fs/cgroup/memory.max; mkdir /sys/fs/cgroup/x";
    const { output } = await world.run({ Memory: 64 * MIB }, "sh", "-c", script);
    expect(output).toStartWith(`0::/\n${64 * MIB}\n`);
    expect(output).toContain("Read-only file system");
  });

  test.skipIf(!UNIFIED)("a privileged one may divide it", async () => {
    const { output } = await world.run({ Privileged: true, CgroupnsMode: "private" }, "mkdir", "/sys/fs/cgroup/x");
    expect(output).toBe("");
  });

  test("with the host's namespace it sees where it is", async () => {
    const { output } = await world.run({ CgroupnsMode: "host" }, "cat", "/proc/self/cgroup");
    expect(output).toMatch(/[0-9a-f]{64}/);
  });
});

test("what this version of cgroups lacks is warned of", async () => {
  const body = {
    Image: "busybox:local",
    HostConfig: { NetworkMode: "none", Memory: 64 * MIB, MemorySwappiness: 10, OomKillDisable: true },
  };
  const created = await world.engine.api("POST", "/containers/create", body);
  const { Id: id = "", Warnings: warnings } = created.json as { Id?: string; Warnings?: string[] }; // create's shape
  const swappiness = existsSync("/sys/fs/cgroup/memory/memory.swappiness");
  expect((warnings ?? []).some((text) => text.includes("memory swappiness"))).toBe(!swappiness);
  await world.remove(id);
});
