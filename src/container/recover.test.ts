import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { randomId } from "../base/index.ts";
import { CALL, FakeWorld } from "./testing/fake-world.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

const stateOf = async (id: string) => (await world.containers.inspect(id, { size: false })).State;
const always = { HostConfig: { RestartPolicy: { Name: "always" as const } } };

/** The waiting restart is due; resolves when the container runs. */
async function startsAgain(id: string): Promise<void> {
  world.clock.advance(1000);
  while ((await stateOf(id))?.Status !== "running") await new Promise((resolve) => setImmediate(resolve));
}

describe("a container that ran on without its daemon", () => {
  test("is attached to again, with its start time and its network", async () => {
    const id = await world.run({}, "web");
    const before = await stateOf(id);
    await world.reboot();
    expect(await stateOf(id)).toEqual(before);
    expect(world.networks.restored).toEqual([id]);
    const { result } = await world.containers.wait(id, "next-exit", CALL);
    world.runtime.task(id).exit(4);
    expect((await result).statusCode).toBe(4);
    expect(world.actions().at(-1)).toBe("die");
  });

  test("is still paused when it was", async () => {
    const id = await world.run();
    await world.containers.pause(id);
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("paused");
  });

  test("is thawed when a commit was to do so", async () => {
    const id = await world.run();
    await world.runtime.task(id).pause();
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("running");
    expect(world.runtime.task(id).paused).toBe(false);
  });

  test("that nobody recorded yet counts as running", async () => {
    const id = await world.run();
    world.store.prepare("UPDATE containers SET state = json_set(state, '$.phase', json('{\"kind\":\"idle\"}'))").run();
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("running");
  });
});

describe("a container whose supervisor does not answer", () => {
  test("stays as it is recorded, and is recovered once it does", async () => {
    const id = await world.run(always);
    world.runtime.failing = { call: "recover", error: new Error("no answer") };
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("running");
    // Nobody may change it until it is known whether it runs.
    const stopping = world.containers.stop(id, { signal: undefined, timeout: 0 }, CALL);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.runtime.task(id).signals).toEqual([]);
    await stopping;
    expect(await stateOf(id)).toMatchObject({ Status: "exited", ExitCode: 143 });
    expect(world.traces()).toMatchObject({ tasks: 0, attached: 0 });
  });
});

describe("a container that is out of memory", () => {
  test("is flagged, and each time is told, also of when no daemon was there", async () => {
    const id = await world.run();
    const task = world.runtime.task(id);
    const told = () => world.actions().filter((action) => action === "oom").length;
    task.onOutOfMemory();
    expect(await stateOf(id)).toMatchObject({ Status: "running", OOMKilled: true });
    task.onOutOfMemory();
    expect(told()).toBe(2);
    await world.service.shutdown();
    await world.reboot();
    const { result } = await world.containers.wait(id, "not-running", CALL);
    task.exit(9, { oomKilled: true });
    await result;
    expect(await stateOf(id)).toMatchObject({ Status: "exited", OOMKilled: true });
    expect(told()).toBe(2);

    const other = await world.run();
    await world.service.shutdown();
    world.runtime.task(other).outOfMemory = true;
    await world.reboot();
    expect(await stateOf(other)).toMatchObject({ Status: "running", OOMKilled: true });
    expect(told()).toBe(3);
  });
});

describe("a container that ended meanwhile", () => {
  test("has its exit code and time, and its end is told", async () => {
    const id = await world.run();
    const task = world.runtime.task(id);
    await world.service.shutdown();
    task.exit(9, { oomKilled: true });
    await world.reboot();
    expect(await stateOf(id)).toMatchObject({ Status: "exited", ExitCode: 9, OOMKilled: true });
    expect(world.actions().slice(-2)).toEqual(["oom", "die"]);
    expect(world.traces()).toMatchObject({ tasks: 0, attached: 0 });
  });

  test("is started again by its policy", async () => {
    const id = await world.run(always);
    const task = world.runtime.task(id);
    await world.service.shutdown();
    task.exit(0);
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("restarting");
    await startsAgain(id);
  });

  test("because it was unhealthy counts as failed, whatever its code", async () => {
    const id = await world.run({ HostConfig: { RestartPolicy: { Name: "on-failure" as const } } });
    const task = world.runtime.task(id);
    await world.service.shutdown();
    world.store.prepare("UPDATE containers SET state = json_set(state, '$.givenUp', json('true'))").run();
    task.exit(0);
    await world.reboot();
    expect((await stateOf(id))?.Status).toBe("restarting");
    await startsAgain(id);
    // That was of the run that has ended.
    world.runtime.task(id).exit(0);
    await (
      await world.containers.wait(id, "not-running", CALL)
    ).result;
    expect((await stateOf(id))?.Status).toBe("exited");
  });

  test("before it had a supervisor never ran", async () => {
    const id = await world.run();
    const task = world.runtime.task(id);
    await world.service.shutdown();
    world.store
      .prepare(
        "UPDATE containers SET state = json_set(state, '$.phase', json('{\"kind\":\"idle\"}'), '$.startedAt', '')",
      )
      .run();
    task.exit(137, { supervisorLost: true });
    await world.reboot();
    expect(await stateOf(id)).toMatchObject({ Status: "created", ExitCode: 0 });
    expect(world.traces()).toMatchObject({ tasks: 0 });
  });

  test("is removed when it was to be removed with its exit", async () => {
    const id = await world.run({ HostConfig: { AutoRemove: true } });
    const task = world.runtime.task(id);
    await world.service.shutdown();
    task.exit(0);
    await world.reboot();
    expect(Object.values(world.traces())).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("a start whose daemon was killed before it could record it", () => {
  const policy = { HostConfig: { RestartPolicy: { Name: "on-failure" as const, MaximumRetryCount: 2 } } };
  const set = (changes: string) =>
    world.store.prepare(`UPDATE containers SET state = json_set(state, ${changes})`).run();
  const restarting = `'$.phase', json('{"kind":"restarting"}')`;
  const countOf = async (id: string) => (await world.containers.inspect(id, { size: false })).RestartCount;

  test("counts when the restart policy had asked for it, whether it runs or has ended", async () => {
    const id = await world.run(policy);
    set(restarting);
    await world.reboot();
    expect(await countOf(id)).toBe(1);
    await world.service.shutdown();
    set(restarting);
    world.runtime.task(id).exit(1);
    await world.reboot();
    expect(await countOf(id)).toBe(2);
    expect(await stateOf(id)).toMatchObject({ Status: "exited", ExitCode: 1 });
  });

  test("does not when it is the exit before that is found once more", async () => {
    const id = await world.run(policy);
    const task = world.runtime.task(id);
    await world.service.shutdown();
    task.exit(1);
    set(`${restarting}, '$.finishedAt', '${(await task.exited).at}'`);
    await world.reboot();
    expect(await countOf(id)).toBe(0);
  });

  test("is the user's own: it is not kept stopped any more, and is counted anew", async () => {
    const id = await world.run({ HostConfig: { RestartPolicy: { Name: "unless-stopped" as const } } });
    set(`'$.phase', json('{"kind":"idle"}'), '$.stoppedByUser', json('true'), '$.restartCount', 7, '$.exitCode', 9`);
    await world.reboot();
    expect(await countOf(id)).toBe(0);
    expect(await stateOf(id)).toMatchObject({ Status: "running", ExitCode: 0 });
    world.runtime.task(id).exit(0);
    while ((await stateOf(id))?.Status === "running") await new Promise((resolve) => setImmediate(resolve));
    expect((await stateOf(id))?.Status).toBe("restarting");
  });
});

describe("after the host went down", () => {
  test("what ran has exited, and policies start it again", async () => {
    const plain = await world.run();
    const kept = await world.run(always);
    world.runtime.tasks.clear();
    await world.reboot();
    expect(await stateOf(plain)).toMatchObject({ Status: "exited", ExitCode: 255 });
    await startsAgain(kept);
  });

  test("unless-stopped stays stopped when the user stopped it, always does not", async () => {
    const policy = (Name: "unless-stopped" | "always") => ({ HostConfig: { RestartPolicy: { Name } } });
    const unless = await world.run(policy("unless-stopped"));
    const every = await world.run(policy("always"));
    for (const id of [unless, every]) await world.containers.stop(id, { signal: undefined, timeout: undefined }, CALL);
    await world.reboot();
    await startsAgain(every);
    expect((await stateOf(unless))?.Status).toBe("exited");
  });

  test("what others are linked to is started before them", async () => {
    const db = await world.run(always, "db");
    const web = await world.run({ HostConfig: { ...always.HostConfig, Links: ["db"] } }, "web");
    world.runtime.tasks.clear();
    world.runtime.calls.length = 0;
    await world.reboot();
    await startsAgain(web);
    expect(world.runtime.calls.filter((call) => call.startsWith("create"))).toEqual([`create ${db}`, `create ${web}`]);
    // The turn that was its own comes too late.
    world.clock.advance(1000);
    expect((await world.containers.inspect(db, { size: false })).RestartCount).toBe(1);
  });

  test("what the daemon's own end stopped is started again", async () => {
    const id = await world.run({ HostConfig: { RestartPolicy: { Name: "unless-stopped" } } });
    await world.service.stopAll(10);
    expect((await stateOf(id))?.Status).toBe("exited");
    await world.reboot();
    await startsAgain(id);
  });
});

describe("what was half made", () => {
  test("folders, snapshots and tasks without a row are removed", async () => {
    const kept = await world.create();
    const lost = randomId();
    mkdirSync(join(world.root, lost));
    world.snapshots.rows.set(lost, { key: lost, parent: undefined, kind: "active" });
    world.snapshots.rows.set("build-1", { key: "build-1", parent: undefined, kind: "active" });
    await world.reboot();
    expect(readdirSync(world.root)).toEqual([kept]);
    expect([...world.snapshots.rows.keys()].sort()).toEqual([kept, "build-1"].sort());
  });
});
