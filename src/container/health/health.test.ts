import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CALL, FakeWorld } from "../testing/fake-world.ts";
import { healthPlan, judge } from "./check.ts";

const SECOND = 1_000_000_000;

describe("a plan", () => {
  test("has Docker's defaults", () => {
    expect(healthPlan({ Test: ["CMD-SHELL", "true"] })).toEqual({
      command: { kind: "shell", line: "true" },
      interval: 30_000,
      timeout: 30_000,
      startPeriod: 0,
      startInterval: 5000,
      retries: 3,
    });
  });

  test("is none without a test", () => {
    for (const Test of [undefined, [], ["NONE"]]) expect(healthPlan(Test ? { Test } : {})).toBeUndefined();
  });
});

describe("a verdict", () => {
  const starting = { status: "starting", failingStreak: 0 } as const;

  test("needs so many failures in a row", () => {
    const once = judge(starting, { exitCode: 1, withinStart: false }, 2);
    expect(once).toEqual({ status: "starting", failingStreak: 1 });
    expect(judge(once, { exitCode: 1, withinStart: false }, 2)).toEqual({ status: "unhealthy", failingStreak: 2 });
  });

  test("does not count failures while it starts, but takes a success", () => {
    expect(judge(starting, { exitCode: 1, withinStart: true }, 1)).toEqual(starting);
    expect(judge(starting, { exitCode: 0, withinStart: true }, 1)).toEqual({ status: "healthy", failingStreak: 0 });
  });
});

describe("a container with a check", () => {
  let world: FakeWorld;
  beforeEach(() => (world = new FakeWorld()));
  afterEach(() => world[Symbol.asyncDispose]());

  const Healthcheck = { Test: ["CMD", "probe"], Interval: 10 * SECOND, Retries: 2 };
  const health = async (id: string) => (await world.containers.inspect(id, { size: false })).State?.Health;

  /** One interval passes and its probe has been judged. */
  async function probed(id: string): Promise<void> {
    const before = (await health(id))?.Log?.at(-1)?.Start;
    world.clock.advance(10_000);
    while ((await health(id))?.Log?.at(-1)?.Start === before || world.clock.delays.length === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test("goes from starting to healthy to unhealthy, with events", async () => {
    const id = await world.run({ Healthcheck });
    expect(await health(id)).toEqual({ Status: "starting", FailingStreak: 0, Log: [] });
    const task = world.runtime.task(id);
    task.execOutput = "fine";
    await probed(id);
    expect(await health(id)).toMatchObject({ Status: "healthy", Log: [{ ExitCode: 0, Output: "fine" }] });
    task.execCode = 1;
    await probed(id);
    expect(await health(id)).toMatchObject({ Status: "healthy", FailingStreak: 1 });
    await probed(id);
    expect(await health(id)).toMatchObject({ Status: "unhealthy", FailingStreak: 2 });
    expect(task.execs[0]?.process.args).toEqual(["probe"]);
    const probe = ["exec_create: probe ", "exec_start: probe ", "exec_die"];
    expect(world.actions().slice(2)).toEqual([
      ...probe,
      "health_status: healthy",
      ...probe,
      ...probe,
      "health_status: unhealthy",
    ]);
  });

  test("is ended when it is unhealthy and asks for it, and its restart policy starts it again", async () => {
    const id = await world.run({
      Healthcheck: { ...Healthcheck, Retries: 1 },
      Labels: { "berth.restart-on-unhealthy": "true" },
      HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 1 } },
    });
    const exited = async () => (await (await world.containers.wait(id, "next-exit", CALL)).result).statusCode;
    const first = exited();
    world.runtime.task(id).execCode = 1;
    world.clock.advance(10_000);
    expect(await first).toBe(143);
    expect(world.clock.delays).toEqual([100]);
    world.clock.advance(100);
    while (world.clock.delays.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await health(id)).toMatchObject({ Status: "starting" });
    // The policy gives it one more try, and no third.
    const second = exited();
    world.runtime.task(id).execCode = 1;
    world.clock.advance(10_000);
    await second;
    expect(world.clock.delays).toEqual([]);
    const probe = ["exec_create: probe ", "exec_start: probe ", "exec_die"];
    const once = ["start", ...probe, "health_status: unhealthy", "restart_on_unhealthy", "kill", "die"];
    expect(world.actions()).toEqual(["create", ...once, ...once]);
  });

  test("which asks to be restarted when unhealthy needs a policy that does so", async () => {
    const ask = (value: string, Name: "no" | "always") =>
      world.create({
        Labels: { "berth.restart-on-unhealthy": value },
        HostConfig: { RestartPolicy: { Name } },
      });
    await expect(ask("true", "no")).rejects.toThrow("berth.restart-on-unhealthy needs a restart policy");
    await expect(ask("maybe", "always")).rejects.toThrow(
      "invalid berth.restart-on-unhealthy: maybe: use 'true' or 'false'",
    );
    expect(await ask("false", "no")).toBeString();
  });

  test("keeps the last five results and stops with the run", async () => {
    const id = await world.run({ Healthcheck });
    for (let round = 0; round < 7; round++) await probed(id);
    expect((await health(id))?.Log).toHaveLength(5);
    await world.containers.stop(id, { signal: undefined, timeout: undefined }, CALL);
    expect(world.clock.delays).toEqual([]);
    expect((await health(id))?.Status).toBe("unhealthy");
  });
});
