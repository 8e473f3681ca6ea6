import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { eventually } from "../../support/wait.ts";
import { LimitedWorld } from "./world.ts";

// Real-time scheduling, which cgroups of version 1 divide: a group without a share of it cannot schedule so at all.

const reason = !existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")
  ? "this kernel does not divide real time among cgroups of version 1"
  : existsSync("/usr/bin/chrt")
    ? undefined
    : "/usr/bin/chrt is not there (package util-linux)";
if (reason !== undefined) console.log(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)("real time", () => {
  const RUNTIME = 20_000;
  let world: LimitedWorld;
  beforeAll(async () => {
    world = await LimitedWorld.start({ flags: [`--cpu-rt-runtime=${RUNTIME}`] });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  // The image has no chrt: it is the host's, with its libraries.
  const host = {
    Binds: ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro"],
    CapAdd: ["SYS_NICE"],
  };
  const chrt = (...command: string[]) => ["/usr/bin/chrt", "--fifo", "1", ...command];

  test("is not for containers that have none", async () => {
    expect((await world.run(host, ...chrt("true"))).output).toContain("Operation not permitted");
  });

  test("is held to the share that a container was given", async () => {
    const busy = chrt("sh", "-c", "echo up; while :; do :; done");
    const id = await world.begin({ ...host, CpuRealtimeRuntime: RUNTIME, CpusetCpus: "0" }, ...busy);
    await world.said(id, "up");
    const used = async () => (await world.stats(id)).cpu_stats.cpu_usage.total_usage / 1000;
    const [start, from] = [await used(), performance.now() * 1000];
    const end = await eventually("three shares of a second each", async () => {
      const now = await used();
      return now - start >= 3 * RUNTIME && now;
    });
    const seconds = (performance.now() * 1000 - from) / 1_000_000;
    // What is left of the first second and what the last one gives may both fall in.
    expect(end - start).toBeLessThan((seconds + 2) * RUNTIME * 1.5);
    await world.remove(id);
  });

  test("is no more than all containers have, and its runtime no longer than its period", async () => {
    await expect(world.begin({ CpuRealtimeRuntime: RUNTIME * 2 }, "true")).rejects.toThrow(
      /cpu.rt_runtime_us: invalid argument/,
    );
    await expect(world.begin({ CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 }, "true")).rejects.toThrow(
      "cpu real-time runtime cannot be higher than cpu real-time period",
    );
  });
});
