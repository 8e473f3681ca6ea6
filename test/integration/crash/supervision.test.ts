import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { unframed } from "../../support/frames.ts";
import { inventory, shimOf } from "../../support/host.ts";
import { openStream } from "../../support/stream.ts";
import { eventually } from "../../support/wait.ts";

let engine: TestEngine;
/** A folder that containers see as /gate: files in it let them go on. */
const gate = () => join(engine.folder, "gate");
const open = (name: string) => writeFile(join(gate(), name), "");
const passed = (name: string) => eventually(`the container at ${name}`, () => existsSync(join(gate(), name)));
const until = (name: string) => `until [ -e /gate/${name} ]; do usleep 20000; done`;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());
afterEach(async () => {
  if (!(await engine.answers())) await engine.start();
  const list = (await engine.api("GET", "/containers/json?all=1")).json as Array<{ Id: string }>; // the list's shape
  for (const { Id } of list) await engine.api("DELETE", `/containers/${Id}?force=1&v=1`);
  await rm(gate(), { recursive: true, force: true });
});

interface State {
  Status: string;
  Running: boolean;
  ExitCode: number;
  Pid: number;
  StartedAt: string;
  FinishedAt: string;
}

async function inspect(id: string): Promise<{ State: State; RestartCount: number }> {
  const answer = await engine.api("GET", `/containers/${id}/json`);
  if (answer.status !== 200) throw new Error(`inspect ${id}: ${answer.status} ${answer.text}`);
  return answer.json as { State: State; RestartCount: number }; // the API's shape
}

const stateBecomes = (id: string, what: string, test: (state: State) => boolean) =>
  eventually(`container ${what}`, async () => {
    const { State } = await inspect(id);
    return test(State) && State;
  });

async function run(script: string, more: { host?: Record<string, unknown>; config?: Record<string, unknown> } = {}) {
  await mkdir(gate(), { recursive: true });
  const made = await engine.api("POST", "/containers/create", {
    Image: "busybox:local",
    Cmd: ["sh", "-c", script],
    HostConfig: { Binds: [`${gate()}:/gate`], ...more.host },
    ...more.config,
  });
  const { Id } = made.json as { Id: string }; // the API's shape
  const started = await engine.api("POST", `/containers/${Id}/start`);
  if (started.status !== 204) throw new Error(`start: ${started.status} ${started.text}`);
  return Id;
}

const policy = (Name: string) => ({ host: { RestartPolicy: { Name } } });

const logs = async (id: string) =>
  unframed((await engine.api("GET", `/containers/${id}/logs?stdout=1&stderr=1`)).bytes);

const numbered = (first: number, last: number) => {
  let text = "";
  for (let number = first; number <= last; number++) text += `${number}\n`;
  return text;
};

const processEnds = (pid: number) => eventually(`the end of ${pid}`, () => !existsSync(`/proc/${pid}/ns/pid`));

describe("a container whose shim is stopped", () => {
  test("keeps no other one and no reader waiting when the daemon starts, and is managed again once the shim goes on", async () => {
    const stuck = await run("sleep 1000");
    const other = await run("sleep 1000");
    const shim = shimOf(engine, stuck);
    process.kill(shim, "SIGSTOP");
    try {
      await engine.kill9();
      await engine.start();
      expect((await inspect(stuck)).State.Status).toBe("running");
      expect((await engine.api("POST", `/containers/${other}/stop?t=0`)).status).toBe(204);
      const stopped = engine.api("POST", `/containers/${stuck}/stop?t=0`);
      resume(shim);
      expect((await stopped).status).toBe(204);
      expect((await inspect(stuck)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
    } finally {
      resume(shim);
    }
  });

  function resume(pid: number): void {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It has ended.
    }
  }
});

describe("a container whose shim is killed", () => {
  const killShim = (id: string) => process.kill(shimOf(engine, id), "SIGKILL");
  const cgroupIsGone = (id: string) =>
    eventually(
      "the cgroup's end",
      async () => !(await inventory(engine)).some((line) => line.startsWith("cgroup ") && line.includes(id)),
    );

  test("is ended with everything in it: exit code 137", async () => {
    const id = await run("sleep 600 & exec sleep 600");
    const { Pid } = (await inspect(id)).State;
    killShim(id);
    expect(await stateBecomes(id, "ended", (state) => !state.Running)).toMatchObject({
      Status: "exited",
      ExitCode: 137,
    });
    await processEnds(Pid);
    await cgroupIsGone(id);
    expect((await engine.api("POST", `/containers/${id}/start`)).status).toBe(204);
    expect((await inspect(id)).State.Running).toBe(true);
  });

  test("ends without a daemon, too, whoever it runs as", async () => {
    const users = ["", "405:100"];
    const ids = await Promise.all(users.map((User) => run("exec sleep 600", { config: { User } })));
    const pids = await Promise.all(ids.map(async (id) => (await inspect(id)).State.Pid));
    await engine.kill9();
    for (const id of ids) killShim(id);
    await Promise.all(pids.map((pid) => processEnds(pid)));
    await engine.start();
    for (const id of ids) expect((await inspect(id)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
  });

  test("tells the ends of its execs", async () => {
    const id = await run("exec sleep 600");
    const made = await engine.api("POST", `/containers/${id}/exec`, { Cmd: ["sleep", "600"] });
    const { Id } = made.json as { Id: string }; // the API's shape
    expect((await engine.api("POST", `/exec/${Id}/start`, { Detach: true })).status).toBe(200);
    killShim(id);
    const exec = await eventually("the exec's end", async () => {
      const { json } = await engine.api("GET", `/exec/${Id}/json`);
      const state = json as { Running: boolean; ExitCode: number | null }; // the API's shape
      return !state.Running && state;
    });
    expect(exec.ExitCode).toBe(137);
    const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ["exec_die"] }));
    const until = Math.ceil(Date.now() / 1000);
    const { text } = await engine.api("GET", `/events?since=0&until=${until}&filters=${filters}`);
    expect(text).toContain(`"execID":"${Id}"`);
    expect(text).toContain('"exitCode":"137"');
  });

  test("is started again by its policy", async () => {
    const id = await run("exec sleep 600", policy("always"));
    const { Pid } = (await inspect(id)).State;
    killShim(id);
    await stateBecomes(id, "started again", (state) => state.Status === "running" && state.Pid !== Pid);
    expect((await inspect(id)).RestartCount).toBe(1);
  });

  test("is ended at the next start when no daemon saw it", async () => {
    const id = await run("sleep 600 & exec sleep 600");
    const { Pid } = (await inspect(id)).State;
    await engine.kill9();
    killShim(id);
    await engine.start();
    expect((await inspect(id)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
    await processEnds(Pid);
    await cgroupIsGone(id);
  });
});

describe("a daemon that is killed", () => {
  test("loses and doubles no line of a container that writes all the time", async () => {
    const id = await run(`seq 1 60000; ${until("go")}; seq 60001 70000; exit 7`);
    const follower = await openStream(engine.socket, "GET", `/containers/${id}/logs?follow=1&stdout=1`);
    const attached = await openStream(engine.socket, "POST", `/containers/${id}/attach?stream=1&stdout=1`);
    await eventually("some output", () => follower.text.includes("\n100\n"));
    await engine.kill9();
    await Promise.all([follower.ended, attached.ended]);
    expect(numbered(1, 60000).startsWith(follower.text)).toBe(true);
    await engine.start();
    const again = await openStream(engine.socket, "GET", `/containers/${id}/logs?follow=1&stdout=1`);
    await open("go");
    expect(await stateBecomes(id, "ended", (state) => !state.Running)).toMatchObject({ ExitCode: 7 });
    await again.ended;
    expect(again.text === numbered(1, 70000)).toBe(true);
    expect((await logs(id)) === numbered(1, 70000)).toBe(true);
  });

  test("leaves a container's input open", async () => {
    const id = await run("exec cat", { config: { OpenStdin: true, AttachStdin: true } });
    const path = `/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
    const first = await openStream(engine.socket, "POST", path);
    first.write("before\n");
    await eventually("the echo", () => first.text === "before\n");
    await engine.kill9();
    await first.ended;
    await engine.start();
    const second = await openStream(engine.socket, "POST", path);
    second.write("after\n");
    await eventually("the echo", () => second.text === "after\n");
    second.close();
    expect(await logs(id)).toBe("before\nafter\n");
  });

  test("lets an exec go on to its end", async () => {
    const id = await run("exec sleep 600");
    const script = `echo in; touch /gate/in; ${until("go")}; touch /gate/out; exit 3`;
    const exec = await engine.api("POST", `/containers/${id}/exec`, { Cmd: ["sh", "-c", script], AttachStdout: true });
    const { Id: execId } = exec.json as { Id: string }; // the API's shape
    const stream = await openStream(engine.socket, "POST", `/exec/${execId}/start`, {});
    await passed("in");
    await engine.kill9();
    await stream.ended;
    await engine.start();
    expect((await inspect(id)).State.Running).toBe(true);
    await open("go");
    await passed("out");
    await eventually("the exec's end", async () => {
      const top = (await engine.api("GET", `/containers/${id}/top`)).json as { Processes: string[][] };
      return top.Processes.length === 1;
    });
    const next = await engine.docker(["exec", id, "sh", "-c", "exit 5"]);
    expect(next.code).toBe(5);
  });
});

describe("a start in whose middle the daemon is killed", () => {
  /** Kills the daemon at that point of what it does next. */
  async function dieAt(point: string, work: () => Promise<unknown>): Promise<void> {
    await engine.stop();
    await engine.start({ BERTH_CRASH: `${point}=kill` });
    await work().catch(() => undefined); // cut short
    await eventually(`the daemon's death at ${point}`, () => engine.hasEnded);
  }

  test("never ran, also when the daemon that undoes it is killed, too", async () => {
    const made = await engine.api("POST", "/containers/create", { Image: "busybox:local", Cmd: ["sleep", "600"] });
    const { Id } = made.json as { Id: string }; // the API's shape
    await dieAt("start:task", () => engine.api("POST", `/containers/${Id}/start`));
    // It finds a PID 1 that waits for its program, ends it, and dies before the rest is gone.
    await engine.start({ BERTH_CRASH: "runtime-release:shim=kill" }).catch(() => undefined);
    await eventually("the second daemon's death", () => engine.hasEnded);
    await eventually("the shim's end", () => {
      try {
        return shimOf(engine, Id) === 0;
      } catch {
        return true;
      }
    });
    await engine.start();
    expect((await inspect(Id)).State).toMatchObject({ Status: "created", Running: false, ExitCode: 0 });
    expect((await engine.api("POST", `/containers/${Id}/start`)).status).toBe(204);
    expect((await inspect(Id)).State.Running).toBe(true);
  });
});

describe("a container that ends while no daemon runs", () => {
  async function endAway(id: string): Promise<void> {
    const { Pid } = (await inspect(id)).State;
    await engine.kill9();
    await open("go");
    await processEnds(Pid);
    await engine.start();
  }

  test("has its exit code and the time of its end", async () => {
    const id = await run(`${until("go")}; exit 9`);
    const { StartedAt } = (await inspect(id)).State;
    await endAway(id);
    const state = await stateBecomes(id, "ended", ({ Running }) => !Running);
    expect(state).toMatchObject({ Status: "exited", ExitCode: 9, StartedAt });
    expect(state.FinishedAt > StartedAt).toBe(true);
  });

  test("is started again by always and on-failure", async () => {
    const script = `echo run; ${until("go")}; rm /gate/go; exit 1`;
    for (const name of ["always", "on-failure"]) {
      const id = await run(script, policy(name));
      await endAway(id);
      await eventually("the second run", async () => (await logs(id)) === "run\nrun\n");
      await stateBecomes(id, "started again", ({ Status }) => Status === "running");
      await engine.api("DELETE", `/containers/${id}?force=1`);
    }
  });

  test("is gone when it was to be removed", async () => {
    const id = await run(until("go"), { host: { AutoRemove: true } });
    await endAway(id);
    await eventually("its removal", async () => (await engine.api("GET", `/containers/${id}/json`)).status === 404);
  });

  test("stays stopped when the user stopped it, unless always", async () => {
    const unless = await run("exec sleep 600", policy("unless-stopped"));
    const always = await run("exec sleep 600", policy("always"));
    const running = await run("exec sleep 600", policy("unless-stopped"));
    for (const id of [unless, always]) await engine.api("POST", `/containers/${id}/stop?t=0`);
    await engine.kill9();
    await engine.start();
    await stateBecomes(always, "started", ({ Status }) => Status === "running");
    expect((await inspect(unless)).State.Status).toBe("exited");
    expect((await inspect(running)).State.Status).toBe("running");
  });
});
