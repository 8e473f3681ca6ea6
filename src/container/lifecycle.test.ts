import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ContainerUpdateBody } from "../api/index.ts";
import { EngineError, invalid, messageOf, notFound } from "../base/index.ts";
import { CALL, FakeWorld } from "./testing/fake-world.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof EngineError ? `${error.kind}: ${error.message}` : messageOf(error);
  }
  return "no failure";
}

const STOP = { signal: undefined, timeout: undefined };
const MIB = 2 ** 20;
const stateOf = async (id: string) => (await world.containers.inspect(id, { size: false })).State;

/** The exit was wholly dealt with. */
async function ended(id: string): Promise<number> {
  const { result } = await world.containers.wait(id, "not-running", CALL);
  return (await result).statusCode;
}

describe("states", () => {
  test("start, exit, start again", async () => {
    const id = await world.create({}, "web");
    expect((await stateOf(id))?.Status).toBe("created");
    await world.containers.start("web", CALL);
    expect(await stateOf(id)).toMatchObject({ Status: "running", Running: true, Pid: process.pid });
    world.runtime.task(id).exit(3);
    expect(await ended(id)).toBe(3);
    expect(await stateOf(id)).toMatchObject({ Status: "exited", Running: false, Pid: 0, ExitCode: 3 });
    await world.containers.start("web", CALL);
    expect(await stateOf(id)).toMatchObject({ Status: "running", ExitCode: 0 });
    expect(world.actions()).toEqual(["create", "start", "die", "start"]);
  });

  const refusals: Array<[string, "created" | "running" | "paused", (id: string) => Promise<unknown>, string]> = [
    ["start", "running", (id) => world.containers.start(id, CALL), "not-modified: container is already running"],
    [
      "start",
      "paused",
      (id) => world.containers.start(id, CALL),
      "conflict: cannot start a paused container, try unpause instead",
    ],
    ["stop", "created", (id) => world.containers.stop(id, STOP, CALL), "not-modified: container is already stopped"],
    [
      "kill",
      "created",
      (id) => world.containers.kill(id, undefined),
      "conflict: cannot kill container: ID: container ID is not running",
    ],
    [
      "kill",
      "running",
      (id) => world.containers.kill(id, "NOPE"),
      "invalid: cannot kill container: ID: invalid signal: NOPE",
    ],
    [
      "kill with 0",
      "running",
      (id) => world.containers.kill(id, "0"),
      "invalid: cannot kill container: ID: invalid signal: 0",
    ],
    [
      "kill with 65",
      "running",
      (id) => world.containers.kill(id, "65"),
      "invalid: cannot kill container: ID: the linux daemon does not support signal 65",
    ],
    [
      "stop with a bad signal",
      "running",
      (id) => world.containers.stop(id, { signal: "NOPE", timeout: 0 }, CALL),
      "invalid: cannot stop container: ID: invalid signal: NOPE",
    ],
    [
      "restart with a bad signal",
      "running",
      () => world.containers.restart("web", { signal: "NOPE", timeout: 0 }, CALL),
      "invalid: Cannot restart container web: invalid signal: NOPE",
    ],
    ["pause", "created", (id) => world.containers.pause(id), "conflict: container ID is not running"],
    ["pause", "paused", (id) => world.containers.pause(id), "conflict: Container ID is already paused"],
    ["unpause", "running", (id) => world.containers.unpause(id), "unknown: Container ID is not paused"],
    [
      "rm",
      "running",
      () => world.containers.remove("web", { force: false, volumes: false, link: false }),
      'conflict: cannot remove container "web": container is running: stop the container before removing or force remove',
    ],
    [
      "rm",
      "paused",
      () => world.containers.remove("web", { force: false, volumes: false, link: false }),
      'conflict: cannot remove container "web": container is paused and must be unpaused first',
    ],
    [
      "resize",
      "created",
      (id) => world.containers.resize(id, { height: 1, width: 1 }),
      "conflict: container ID is not running",
    ],
    ["top", "created", (id) => world.containers.top(id, undefined), "conflict: container ID is not running"],
    [
      "exec",
      "created",
      (id) => world.service.execs.create(id, { Cmd: ["ls"] }),
      "conflict: container ID is not running",
    ],
    [
      "exec",
      "paused",
      (id) => world.service.execs.create(id, { Cmd: ["ls"] }),
      "conflict: Container ID is paused, unpause the container before exec",
    ],
  ];
  for (const [verb, state, act, expected] of refusals) {
    test(`${verb} when ${state}: ${expected}`, async () => {
      const id = await world.create({}, "web");
      if (state !== "created") await world.containers.start(id, CALL);
      if (state === "paused") await world.containers.pause(id);
      expect((await failure(act(id))).replaceAll(id, "ID")).toBe(expected);
    });
  }

  test("an update that contradicts what is set is refused; a limit on processes is lifted by 0 and less", async () => {
    const id = await world.create({ HostConfig: { NanoCpus: 1e9, PidsLimit: 50, AutoRemove: true } });
    const refused = async (body: ContainerUpdateBody) =>
      (await failure(world.containers.update(id, body))).replace(id, "ID");
    expect(await refused({ CpuQuota: 50_000 })).toBe(
      "conflict: Cannot update container ID: Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
    );
    expect(await refused({ Memory: 64 * 1024 * 1024 })).toBe(
      "conflict: Cannot update container ID: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
    expect(await refused({ RestartPolicy: { Name: "always" } })).toStartWith("conflict: Cannot update container ID: ");
    expect(await refused({ IOMaximumIOps: 1 })).toStartWith("invalid: Invalid QoS settings: ");
    await world.containers.update(id, { PidsLimit: -1 });
    expect((await world.containers.inspect(id, { size: false })).HostConfig?.PidsLimit).toBe(0);
  });

  test.each([
    [{ MemorySwap: 192 * MIB }, { memory: { limit: 64 * MIB, swap: 192 * MIB } }],
    [{ Memory: 96 * MIB }, { memory: { limit: 96 * MIB, swap: 128 * MIB } }],
    [{ CpuPeriod: 50_000 }, { cpu: { quota: 20_000, period: 50_000 } }],
    [{ CpuQuota: 10_000 }, { cpu: { quota: 10_000, period: 100_000 } }],
    [{ CpuShares: 5 }, { cpu: { shares: 5 } }],
  ])("an update of %j leaves the limit that goes with it as it was", async (body, written) => {
    const limits = { Memory: 64 * MIB, MemorySwap: 128 * MIB, CpuPeriod: 100_000, CpuQuota: 20_000 };
    const id = await world.run({ HostConfig: limits });
    await world.containers.update(id, body);
    const updates = world.runtime.calls.filter((call) => call.startsWith("update "));
    expect(updates.map((call): unknown => JSON.parse(call.slice("update ".length)))).toEqual([
      { devices: [], ...written },
    ]);
  });

  test("without a terminal there is nothing to resize, and that is no mistake", async () => {
    const plain = await world.run();
    await world.containers.resize(plain, { height: 1, width: 1 });
    expect(world.runtime.calls).not.toContain(`resize ${plain}`);
    const terminal = await world.run({ Tty: true });
    await world.containers.resize(terminal, { height: 1, width: 1 });
    expect(world.runtime.calls).toContain(`resize ${terminal}`);
    expect(world.actions().filter((action) => action === "resize")).toHaveLength(2);
  });

  test("pause and unpause", async () => {
    const id = await world.run();
    await world.containers.pause(id);
    expect(await stateOf(id)).toMatchObject({ Status: "paused", Paused: true, Running: true });
    await world.containers.unpause(id);
    expect((await stateOf(id))?.Status).toBe("running");
    expect(world.actions()).toEqual(["create", "start", "pause", "unpause"]);
  });

  test("a paused container is thawed to be stopped", async () => {
    const id = await world.run();
    await world.containers.pause(id);
    await world.containers.stop(id, STOP, CALL);
    expect(world.runtime.calls.filter((call) => call.startsWith("release"))).toHaveLength(1);
    expect((await stateOf(id))?.ExitCode).toBe(143);
  });

  test("a start that fails leaves its reason and nothing else", async () => {
    const id = await world.create();
    world.runtime.failing = { call: "start", error: invalid("exec: no such file") };
    expect(await failure(world.containers.start(id, CALL))).toBe("invalid: exec: no such file");
    expect(await stateOf(id)).toMatchObject({ Status: "created", ExitCode: 128, Error: "exec: no such file" });
    expect(world.traces()).toMatchObject({ tasks: 0, attached: 0 });
  });

  test("a network that cannot be attached undoes the task", async () => {
    const id = await world.create();
    world.networks.failing = invalid("driver failed");
    expect(await failure(world.containers.start(id, CALL))).toBe(
      "invalid: failed to set up container networking: driver failed",
    );
    expect(world.traces()).toMatchObject({ tasks: 0, attached: 0, rows: 1 });
  });
});

describe("stopping", () => {
  test("sends the stop signal, then tells kill, die, stop", async () => {
    const id = await world.run({ StopSignal: "SIGINT" });
    world.runtime.task(id).obeys = [2];
    await world.containers.stop(id, STOP, CALL);
    expect((await stateOf(id))?.ExitCode).toBe(130);
    expect(world.actions()).toEqual(["create", "start", "kill", "die", "stop"]);
  });

  test("kills what does not listen", async () => {
    const id = await world.run();
    const task = world.runtime.task(id);
    task.obeys = [];
    await world.containers.stop(id, { signal: "USR1", timeout: 0 }, CALL);
    expect(task.signals).toEqual([10, 9]);
    expect((await stateOf(id))?.ExitCode).toBe(137);
  });

  test("waits for ever when it is to wait longer than a timer can", async () => {
    const id = await world.run();
    const task = world.runtime.task(id);
    task.obeys = [9];
    const stopped = world.containers.stop(id, { signal: "USR1", timeout: 2 ** 40 }, CALL);
    await new Promise((resolve) => setTimeout(resolve, 5)); // a delay that is too great is over after 1 ms
    expect(task.signals).toEqual([10]);
    await world.containers.kill(id, "KILL");
    await stopped;
  });

  test("kill with another signal leaves it running", async () => {
    const id = await world.run();
    await world.containers.kill(id, "SIGHUP");
    expect((await stateOf(id))?.Status).toBe("running");
    expect(world.heard.at(-1)?.Actor?.Attributes?.["signal"]).toBe("1");
  });

  test("restart stops and starts, and keeps a container that is removed with its exit", async () => {
    const id = await world.run({ HostConfig: { AutoRemove: true } });
    await world.containers.restart(id, STOP, CALL);
    expect((await stateOf(id))?.Status).toBe("running");
    expect(world.actions()).toEqual(["create", "start", "kill", "die", "stop", "start", "restart"]);
  });
});

describe("restart policy", () => {
  const policy = (Name: "always" | "on-failure" | "unless-stopped", MaximumRetryCount = 0) => ({
    HostConfig: { RestartPolicy: { Name, MaximumRetryCount } },
  });

  async function dies(id: string, code: number): Promise<void> {
    const { result } = await world.containers.wait(id, "next-exit", CALL);
    world.runtime.task(id).exit(code);
    await result;
    await settled();
  }

  /** The lock of the exit is released, the timer of the restart is there. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async function startsAgain(id: string): Promise<void> {
    const heard = world.heard.length;
    world.clock.advance(60_000);
    while (!world.heard.slice(heard).some((event) => event.Action === "start")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await stateOf(id))?.Status).toBe("running");
  }

  test("always: waits longer each time, up to a minute", async () => {
    const id = await world.run(policy("always"));
    const delays: number[] = [];
    for (let round = 0; round < 12; round++) {
      await dies(id, 0);
      expect(await stateOf(id)).toMatchObject({ Status: "restarting", Running: true, Restarting: true });
      delays.push(...world.clock.delays);
      await startsAgain(id);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
    expect((await world.containers.inspect(id, { size: false })).RestartCount).toBe(12);
  });

  test("on-failure:2 gives up after two", async () => {
    const id = await world.run(policy("on-failure", 2));
    for (let round = 0; round < 2; round++) {
      await dies(id, 1);
      await startsAgain(id);
    }
    await dies(id, 1);
    expect((await stateOf(id))?.Status).toBe("exited");
  });

  test("on-failure leaves a success alone", async () => {
    const id = await world.run(policy("on-failure"));
    await dies(id, 0);
    expect((await stateOf(id))?.Status).toBe("exited");
  });

  test("a stop by the user ends it, also while it waits", async () => {
    const id = await world.run(policy("always"));
    await dies(id, 1);
    await world.containers.stop(id, STOP, CALL);
    expect((await stateOf(id))?.Status).toBe("exited");
    expect(world.clock.delays).toEqual([]);
    await world.containers.start(id, CALL);
    await world.containers.stop(id, STOP, CALL);
    expect((await stateOf(id))?.Status).toBe("exited");
  });
});

describe("removal", () => {
  const RM = { force: false, volumes: false, link: false };

  test("leaves nothing", async () => {
    const id = await world.run({ Volumes: { "/data": {} } });
    await world.containers.stop(id, STOP, CALL);
    await world.containers.remove(id, { ...RM, volumes: true });
    await world.service.shutdown();
    expect(Object.values(world.traces())).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(await failure(world.containers.inspect(id, { size: false }))).toBe(`not-found: No such container: ${id}`);
  });

  test("keeps named volumes, and anonymous ones unless asked", async () => {
    const id = await world.create({ HostConfig: { Binds: ["named:/a", "/b"] } });
    await world.containers.remove(id, { ...RM, volumes: true });
    expect([...world.volumes.volumes.keys()]).toEqual(["named"]);
    await world.containers.remove(await world.create({ Volumes: { "/b": {} } }), RM);
    expect(world.volumes.volumes.size).toBe(2);
  });

  test("of a link leaves the container", async () => {
    const id = await world.create({}, "linked");
    const removed = (ref: string) => failure(world.containers.remove(ref, { ...RM, link: true }));
    expect(await removed("linked")).toBe("unknown: Conflict, cannot remove the default link name of the container");
    expect((await stateOf(id))?.Status).toBe("created");
  });

  test("forced, ends it first", async () => {
    const id = await world.run({}, "web");
    await world.containers.remove("web", { ...RM, force: true });
    expect(world.actions()).toEqual(["create", "start", "kill", "die", "destroy"]);
    expect(await failure(world.containers.start(id, CALL))).toBe(`not-found: No such container: ${id}`);
  });

  test("with the exit: waiters on removal get the exit code", async () => {
    const id = await world.run({ HostConfig: { AutoRemove: true }, Volumes: { "/data": {} } });
    const { result } = await world.containers.wait(id, "removed", CALL);
    world.runtime.task(id).exit(7);
    expect(await result).toEqual({ statusCode: 7 });
    await world.service.shutdown();
    expect(Object.values(world.traces())).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(world.actions()).toEqual(["create", "mount", "start", "unmount", "die", "destroy"]);
  });

  test("two at once: one is told that the other is at it", async () => {
    const id = await world.run({}, "web");
    const force = { ...RM, force: true };
    const both = await Promise.all([
      failure(world.containers.remove("web", force)),
      failure(world.containers.remove("web", force)),
    ]);
    expect(both).toEqual(["no failure", "conflict: removal of container web is already in progress"]);
    expect(world.traces()["rows"]).toBe(0);
    expect(id).toHaveLength(64);
  });

  test("a pause that the runtime gives up leaves it running, with Docker's text", async () => {
    const id = await world.run();
    world.runtime.task(id).pauseFault = new Error("OCI runtime pause failed: unable to freeze");
    expect(await failure(world.containers.pause(id))).toBe(
      `unknown: cannot pause container ${id}: OCI runtime pause failed: unable to freeze`,
    );
    expect((await stateOf(id))?.Status).toBe("running");
  });

  test("a start waits for files that are put into what it will mount; what runs takes them beside all else", async () => {
    const id = await world.create();
    const body = new ReadableStream<Uint8Array>();
    const put = () =>
      world.containers.archivePut(id, "/", { noOverwriteDirNonDir: false, copyUidGid: false }, body, CALL);
    const begun = Promise.withResolvers<void>();
    const sent = Promise.withResolvers<void>();
    const done: string[] = [];
    world.unpack = async () => {
      begun.resolve();
      await sent.promise;
      done.push("put");
    };
    const putting = put();
    await begun.promise;
    const starting = world.containers.start(id, CALL).then(() => done.push("start"));
    // What needs not wait is started by then.
    await world.run();
    sent.resolve();
    await Promise.all([putting, starting]);
    expect(done).toEqual(["put", "start"]);
    world.unpack = async () => {
      await world.containers.pause(id);
      done.push("paused");
    };
    await put();
    expect(done).toEqual(["put", "start", "paused"]);
  });

  test("files that come upon a process that has just ended are put once its exit is dealt with", async () => {
    world.runtime.pids = [2 ** 23];
    const id = await world.run();
    const waiting: string[] = [];
    world.unpack = async () => void waiting.push((await stateOf(id))?.Status ?? "");
    const options = { noOverwriteDirNonDir: false, copyUidGid: false };
    const putting = world.containers.archivePut(id, "/", options, new ReadableStream<Uint8Array>(), CALL);
    world.runtime.task(id).exit(0);
    await putting;
    expect(waiting).toEqual(["exited"]);
  });

  test("files of a process that has just ended are read once its exit is dealt with", async () => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    world.runtime.pids = [child.pid ?? 0];
    const id = await world.run();
    let tries = 0;
    world.pack = async function* () {
      tries++;
      yield Buffer.from((await stateOf(id))?.Status ?? "");
    };
    child.kill("SIGKILL");
    await once(child, "exit");
    const reading = world.containers.archiveGet(id, "/data/file", CALL);
    world.runtime.task(id).exit(137);
    const { body } = await reading;
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe("exited");
    expect(tries).toBe(1);
  });

  test("files that cannot be read from their beginning are an error, not an answer that breaks off", async () => {
    const id = await world.run();
    world.pack = async function* () {
      yield await Promise.reject<Uint8Array>(notFound("no such file"));
    };
    expect(await failure(world.containers.archiveGet(id, "/file", CALL))).toBe(
      `not-found: Could not find the file /file in container ${id}`,
    );
  });

  test("a list by name takes Go's expressions, and none can keep the event loop", async () => {
    await world.create({}, "web-1");
    await world.create({}, `db-${"a".repeat(200)}`);
    const named = async (...name: string[]) => {
      const filters = new Map([["name", name]]);
      const found = await world.containers.list({ all: true, limit: undefined, size: false, filters });
      return found.map(({ Names }) => Names?.[0]?.slice(0, 6));
    };
    expect(await named("^/web-[[:digit:]]$")).toEqual(["/web-1"]);
    expect(await named("(?i)WEB", "^d")).toEqual(["/db-aa", "/web-1"]);
    expect(await named("web[")).toEqual([]);
    expect(await named("(a+)+$", "^/?(a|a)*b")).toEqual(["/db-aa"]);
    expect(await named("^db-(a*)*(a*)*(a*)*b$")).toEqual([]);
  });

  test("prune takes what does not run and fits the filters", async () => {
    const running = await world.run();
    const kept = await world.create({ Labels: { keep: "yes" } });
    const gone = await world.create();
    const answer = await world.containers.prune(new Map([["label!", ["keep"]]]));
    expect(answer).toEqual({ ContainersDeleted: [gone], SpaceReclaimed: 10 });
    const left = await world.containers.list({ all: true, limit: undefined, size: false, filters: new Map() });
    expect(left.map((summary) => summary.Id)).toEqual([kept, running]);
  });
});

describe("waiting", () => {
  test("not-running answers at once for what does not run, next-exit waits", async () => {
    const id = await world.run();
    world.runtime.task(id).exit(5);
    expect(await ended(id)).toBe(5);
    const { result } = await world.containers.wait(id, "next-exit", CALL);
    await world.containers.start(id, CALL);
    world.runtime.task(id).exit(6);
    expect((await result).statusCode).toBe(6);
  });

  test("removal of a created container ends next-exit", async () => {
    const id = await world.create();
    const { result } = await world.containers.wait(id, "next-exit", CALL);
    await world.containers.remove(id, { force: false, volumes: false, link: false });
    expect((await result).statusCode).toBe(0);
  });

  test("a client that goes away is forgotten", async () => {
    const id = await world.run();
    const gone = new AbortController();
    const { result } = await world.containers.wait(id, "next-exit", { ...CALL, signal: gone.signal });
    gone.abort(new Error("gone"));
    expect(await failure(result)).toBe("gone");
  });
});

describe("attaching", () => {
  const QUERY = { logs: false, stream: true, stdin: true, stdout: true, stderr: true, detachKeys: undefined };

  async function all(output: AsyncIterable<{ data: Uint8Array }>): Promise<string> {
    let text = "";
    for await (const { data } of output) text += Buffer.from(data).toString();
    return text;
  }

  test("before the start misses nothing", async () => {
    const id = await world.create({ OpenStdin: true });
    await using stream = await world.containers.attach(id, QUERY, CALL);
    const written = stream.write(Buffer.from("typed early"));
    await world.containers.start(id, CALL);
    await written;
    const task = world.runtime.task(id);
    expect([...task.streams][0]?.written).toEqual(["typed early"]);
    task.say("first words");
    task.exit(0);
    expect(await all(stream.output)).toBe("first words");
    expect(world.runtime.calls.slice(0, 3)).toEqual([`create ${id}`, `attach ${id}`, `start ${id}`]);
  });

  test("ends when the start fails or the container is removed", async () => {
    const id = await world.create();
    await using first = await world.containers.attach(id, QUERY, CALL);
    world.runtime.failing = { call: "create", error: invalid("no") };
    await failure(world.containers.start(id, CALL));
    expect(await all(first.output)).toBe("");
    await using second = await world.containers.attach(id, QUERY, CALL);
    await world.containers.remove(id, { force: false, volumes: false, link: false });
    expect(await all(second.output)).toBe("");
  });

  test("without a stream to hear ends at once", async () => {
    const id = await world.create();
    const nothing = { ...QUERY, logs: true, stdin: false, stdout: false, stderr: false };
    await using stream = await world.containers.attach(id, nothing, CALL);
    expect(await all(stream.output)).toBe("");
  });

  test("a client that left before the start is not joined", async () => {
    const id = await world.create();
    const stream = await world.containers.attach(id, QUERY, CALL);
    await stream[Symbol.asyncDispose]();
    await world.containers.start(id, CALL);
    expect(world.runtime.task(id).streams.size).toBe(0);
  });

  test("refuses bad detach keys and a paused container", async () => {
    const id = await world.run({}, "web");
    for (const detachKeys of ["ctrl-1", "ctrl-A", "a,del"]) {
      const bad = world.containers.attach(id, { ...QUERY, detachKeys }, CALL);
      expect(await failure(bad)).toBe(`invalid: Invalid detach keys (${detachKeys}) provided`);
    }
    await using stream = await world.containers.attach(id, { ...QUERY, detachKeys: "ctrl-@,ctrl-_,DEL,A" }, CALL);
    expect(stream).toBeDefined();
    await world.containers.pause(id);
    expect(await failure(world.containers.attach("web", QUERY, CALL))).toBe(
      "conflict: container web is paused, unpause the container before attach",
    );
  });
});
