import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { messageOf } from "../../base/index.ts";
import { CALL, FakeWorld } from "../testing/fake-world.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

const ATTACHED = { detach: false, tty: undefined, consoleSize: undefined };

describe("exec", () => {
  test("runs, streams, ends, and tells each", async () => {
    const container = await world.run({ Env: ["A=1"], WorkingDir: "/w" });
    const task = world.runtime.task(container);
    task.execCode = 3;
    task.execOutput = "hello";
    const { Id } = await world.service.execs.create(container, {
      Cmd: ["ls", "-l"],
      Env: ["B=2"],
      AttachStdout: true,
    });
    expect((await world.containers.inspect(container, { size: false })).ExecIDs).toEqual([Id]);
    await using stream = await world.service.execs.start(Id, ATTACHED, CALL);
    let text = "";
    for await (const { data } of stream?.output ?? []) text += Buffer.from(data).toString();
    expect(text).toBe("hello");
    expect((await world.containers.inspect(container, { size: false })).ExecIDs).toBeNull();
    expect(await world.service.execs.inspect(Id)).toMatchObject({
      Running: false,
      ExitCode: 3,
      ProcessConfig: { entrypoint: "ls", arguments: ["-l"], tty: false },
      ContainerID: container,
    });
    const [request] = task.execs;
    expect(request?.process).toMatchObject({ args: ["ls", "-l"], cwd: "/w" });
    expect(request?.process.env).toEqual([
      "PATH=/bin",
      `HOSTNAME=${container.slice(0, 12)}`,
      "A=1",
      "B=2",
      "HOME=/root",
    ]);
    expect(world.actions().slice(2)).toEqual(["exec_create: ls -l", "exec_start: ls -l", "exec_die"]);
  });

  test("of a program without arguments is told with a space behind it, as Docker's is", async () => {
    const container = await world.run();
    await world.service.execs.create(container, { Cmd: ["ls"] });
    expect(world.actions().at(-1)).toBe("exec_create: ls ");
  });

  test("detached gives no stream", async () => {
    const { Id } = await world.service.execs.create(await world.run(), { Cmd: ["true"], AttachStdout: true });
    expect(await world.service.execs.start(Id, { ...ATTACHED, detach: true }, CALL)).toBeUndefined();
  });

  test("is started once", async () => {
    const { Id } = await world.service.execs.create(await world.run(), { Cmd: ["true"] });
    await world.service.execs.start(Id, ATTACHED, CALL);
    const again = await world.service.execs.start(Id, ATTACHED, CALL).catch(messageOf);
    expect(again).toMatch(new RegExp(`exec command ${Id} (has already run|is already running)`));
  });

  test("refusals", async () => {
    const container = await world.run();
    const failure = async (work: Promise<unknown>) => await work.catch(messageOf);
    expect(await failure(world.service.execs.create(container, { Cmd: [] }))).toBe("No exec command specified");
    expect(await failure(world.service.execs.create(container, { Cmd: ["x"], DetachKeys: "zz" }))).toBe(
      "Invalid escape keys (zz) provided",
    );
    expect(await failure(world.service.execs.inspect("nope"))).toBe("No such exec instance: nope");
    const { Id } = await world.service.execs.create(container, { Cmd: ["x"] });
    expect(await failure(world.service.execs.resize(Id, { height: 1, width: 1 }))).toBe("exec process is not started");
  });

  test("can be inspected until 64 newer ones have ended, and for half a minute at least", async () => {
    const container = await world.run();
    const ids: string[] = [];
    for (let number = 0; number < 66; number++) {
      const { Id } = await world.service.execs.create(container, { Cmd: ["true"] });
      await world.service.execs.start(Id, { ...ATTACHED, detach: true }, CALL);
      ids.push(Id);
    }
    await Bun.sleep(0);
    const found = async () => {
      const answers = await Promise.allSettled(ids.map((id) => world.service.execs.inspect(id)));
      return answers.map(({ status }) => status);
    };
    expect(await found()).toEqual(ids.map(() => "fulfilled"));
    world.clock.advance(29_999);
    expect(await found()).toEqual(ids.map(() => "fulfilled"));
    world.clock.advance(1);
    expect(await found()).toEqual(ids.map((_, index) => (index < 2 ? "rejected" : "fulfilled")));
    expect((await world.containers.inspect(container, { size: false })).ExecIDs).toBeNull();
  });

  test("goes with its container", async () => {
    const container = await world.run();
    const { Id } = await world.service.execs.create(container, { Cmd: ["true"] });
    await world.containers.remove(container, { force: true, volumes: false, link: false });
    expect(await world.service.execs.inspect(Id).catch(messageOf)).toBe(`No such exec instance: ${Id}`);
  });
});
