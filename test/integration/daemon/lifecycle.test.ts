import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BERTH, dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { run } from "../../support/process.ts";
import { DatagramSocket } from "../../support/sockets.ts";
import { eventually } from "../../support/wait.ts";

const pidFile = (engine: TestEngine) => join(engine.folder, "berth.pid");

/** Sends a signal and waits for the daemon's end. */
async function endBy(engine: TestEngine, signal: NodeJS.Signals): Promise<void> {
  process.kill(engine.pid, signal);
  await eventually(`the daemon's end by ${signal}`, () => engine.hasEnded);
}

/** Field 3 of proc_pid_stat(5); undefined for a process that is gone. */
async function stateOf(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) (\w)/.exec(line)?.[1];
}

const isAlive = async (pid: number) => !["Z", "X", undefined].includes(await stateOf(pid));

describe("one daemon for a data root", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ image: false });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const second = (...flags: string[]) =>
    run(BERTH, ["daemon", `--config-file=${engine.configFile}`, `--exec-root=${engine.folder}/exec2`, ...flags]);

  test("a second one is told that the root is in use", async () => {
    const result = await second(`--data-root=${engine.dataRoot}`, `--pidfile=${engine.folder}/pid2`);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`data root ${engine.dataRoot} is in use by another daemon`);
    expect((await engine.api("GET", "/_ping")).text).toBe("OK");
  });

  test("after kill -9 the next one starts", async () => {
    await engine.kill9();
    await engine.start();
    expect((await engine.api("GET", "/_ping")).text).toBe("OK");
  });

  test("the pid file names the daemon, and keeps another one away", async () => {
    expect(await readFile(pidFile(engine), "utf8")).toBe(`${engine.pid}\n`);
    const result = await second(`--data-root=${engine.folder}/data2`, `--pidfile=${pidFile(engine)}`);
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringContaining(`process with PID ${engine.pid} is still running`),
    ]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends it; socket and pid file are gone", async (signal) => {
    await endBy(engine, signal);
    expect(await Promise.all([engine.socket, pidFile(engine)].map((path) => stat(path).catch(() => "gone")))).toEqual([
      "gone",
      "gone",
    ]);
    await engine.start();
  });

  test("pid files of the dead, of other programs and of zombies are written over", async () => {
    // The shell becomes a program that never waits for the child that it had; the child ends after that.
    const script = '(until [ "$(cat /proc/$$/comm)" = sleep ]; do :; done) & echo $!; exec sleep 600';
    const parent = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const zombie = await new Promise<string>((resolve) =>
        parent.stdout.once("data", (data) => resolve(String(data))),
      );
      await eventually("a zombie", async () => (await stateOf(Number(zombie))) === "Z");
      for (const content of [zombie, `${parent.pid}\n`, "4194305\n", "no number\n", ""]) {
        await engine.stop();
        await writeFile(pidFile(engine), content);
        await engine.start();
        expect(await readFile(pidFile(engine), "utf8")).toBe(`${engine.pid}\n`);
      }
    } finally {
      parent.kill("SIGKILL");
    }
  });

  test("the service manager hears when it is ready and when it stops", async () => {
    await engine.stop();
    const path = join(engine.folder, "notify.sock");
    using manager = new DatagramSocket(path);
    await engine.start({ NOTIFY_SOCKET: path });
    expect(await eventually("READY=1", () => manager.received().length > 0)).toBe(true);
    expect(manager.received()).toEqual(["READY=1"]);
    await engine.stop();
    expect(manager.received()).toEqual(["READY=1", "STOPPING=1"]);
    await engine.start();
  });
});

describe("containers when the daemon ends", () => {
  /** Runs a container and gives its pid and name. */
  async function start(engine: TestEngine, name: string, script: string, ...flags: string[]): Promise<number> {
    const ready = 'trap "exit 7" TERM; ';
    await dockerOutput(engine, ["run", "-d", "--name", name, ...flags, "busybox:local", "sh", "-c", ready + script]);
    await eventually(`${name} runs`, async () => (await dockerOutput(engine, ["logs", name])).includes("ready"));
    return Number(await dockerOutput(engine, ["inspect", "-f", "{{.State.Pid}}", name]));
  }
  const LOOP = "echo ready; while :; do sleep 1; done";
  const stateIn = (engine: TestEngine, name: string) =>
    dockerOutput(engine, ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]);

  test("are stopped by --stop when it has ended before, each by its own signal; policies wait for the next start", async () => {
    await using engine = await startEngine();
    const polite = await start(engine, "polite", LOOP);
    const always = await start(engine, "always", LOOP, "--restart=always");
    const ended = await start(engine, "ended", LOOP, "--restart=always");
    await engine.stop();
    process.kill(ended, "SIGKILL");
    await eventually("an end that no daemon saw", async () => !(await isAlive(ended)));
    expect(await Promise.all([polite, always].map(isAlive))).toEqual([true, true]);
    const { code, stdout } = await run(BERTH, ["daemon", "--stop", ...engine.flags]);
    expect([code, stdout]).toEqual([0, "stopped the containers that had no daemon\n"]);
    expect(await Promise.all([polite, always].map(isAlive))).toEqual([false, false]);
    const ofContainers = /^(mount|cgroup|process|link|rule)/;
    await eventually("a clean host", async () => !(await inventory(engine)).some((line) => ofContainers.test(line)));
    await engine.start();
    expect(await stateIn(engine, "polite")).toBe("exited 7");
    for (const name of ["always", "ended"]) {
      await eventually("the restart policy", async () => (await stateIn(engine, name)).startsWith("running"));
    }
  });

  test("run on, and are found again", async () => {
    await using engine = await startEngine();
    const pid = await start(engine, "stays", LOOP);
    await engine.stop();
    expect(await isAlive(pid)).toBe(true);
    await engine.start();
    expect(await dockerOutput(engine, ["inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "stays"])).toBe(
      `running ${pid}`,
    );
  });

  test("are stopped with their own timeouts without live-restore, and start again as their policies say", async () => {
    await using engine = await startEngine({ flags: ["--live-restore=false"] });
    const polite = await start(engine, "polite", LOOP);
    const deaf = await start(engine, "deaf", `trap "" TERM; ${LOOP}`, "--stop-timeout=1");
    const always = await start(engine, "always", LOOP, "--restart=always");
    await engine.stop();
    expect(await Promise.all([polite, deaf, always].map(isAlive))).toEqual([false, false, false]);
    await engine.start();
    expect(await stateIn(engine, "polite")).toBe("exited 7");
    expect(await stateIn(engine, "deaf")).toBe("exited 137");
    await eventually("the restart policy", async () => (await stateIn(engine, "always")).startsWith("running"));
  });

  test("are stopped with the daemon by --stop, as before the host goes down, and start again as their policies say", async () => {
    await using engine = await startEngine();
    const polite = await start(engine, "polite", LOOP);
    const always = await start(engine, "always", LOOP, "--restart=always");
    const kept = await start(engine, "kept", LOOP, "--restart=unless-stopped");
    const stop = () => run(BERTH, ["daemon", "--stop", "--pidfile", pidFile(engine)]);
    const told = `stopped the daemon ${engine.pid} and its containers\n`;
    expect(await stop()).toEqual({ code: 0, stdout: told, stderr: "" });
    expect(await Promise.all([polite, always, kept].map(isAlive))).toEqual([false, false, false]);
    expect((await stop()).stderr).toBe(
      `failed to stop daemon: no daemon runs that ${pidFile(engine)} names: start it, or choose another --pidfile\n`,
    );
    // Nothing stays of the networks, which the next start makes again.
    expect(existsSync(`/sys/class/net/${engine.name}`)).toBe(false);
    expect((await run("nft", ["list", "table", "inet", `berth-${engine.name}`])).code).toBe(1);
    await engine.start();
    expect(existsSync(`/sys/class/net/${engine.name}`)).toBe(true);
    expect(await stateIn(engine, "polite")).toBe("exited 7");
    for (const name of ["always", "kept"]) {
      await eventually("the restart policy", async () => (await stateIn(engine, name)).startsWith("running"));
    }
  });
});
