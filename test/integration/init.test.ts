import { afterAll, beforeAll, expect, test } from "bun:test";
import { dockerOutput, startEngine, type TestEngine } from "../support/engine.ts";
import { eventually } from "../support/wait.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const docker = (...args: string[]) => dockerOutput(engine, args);
const run = (...args: string[]) => engine.docker(["run", "--rm", "--init", "--network", "none", ...args]);

test("the init is PID 1, starts the command and is read-only to the container", async () => {
  const { stdout } = await run(
    "busybox:local",
    "sh",
    "-c",
    "tr '\\0' ' ' </proc/1/cmdline; echo; grep -c ' /sbin/docker-init ro,' /proc/self/mountinfo; echo x >>/sbin/docker-init",
  );
  const [command, mounts, ...rest] = stdout.trim().split("\n");
  expect(command).toStartWith("/sbin/docker-init -- sh -c ");
  expect(mounts).toBe("1");
  expect(rest).toEqual([]);
});

test("an init is what inspect and info say", async () => {
  const id = await docker("create", "--init", "busybox:local", "sh");
  expect(await docker("inspect", "--format", "{{.Path}} {{.HostConfig.Init}}", id)).toBe("sh true");
  await docker("rm", id);
  expect(await docker("info", "--format", "{{.InitBinary}}")).toBe("docker-init");
});

test("exit codes are the command's, also for one that cannot be run", async () => {
  expect((await run("busybox:local", "sh", "-c", "exit 7")).code).toBe(7);
  expect((await run("busybox:local", "sh", "-c", "kill -9 $$")).code).toBe(137);
  expect((await run("busybox:local", "no-such-command")).code).toBe(127);
  expect((await run("busybox:local", "/etc/passwd")).code).toBe(126);
});

test("a command without a handler ends by the stop signal", async () => {
  // As PID 1 itself, the shell would not even notice SIGTERM.
  const id = await docker(
    "run",
    "-d",
    "--init",
    "--network",
    "none",
    "busybox:local",
    "sh",
    "-c",
    "echo up; sleep 1000",
  );
  await eventually("the command's first words", async () => (await docker("logs", id)) === "up");
  await docker("stop", "--time", "60", id);
  expect(await docker("inspect", "--format", "{{.State.ExitCode}}", id)).toBe("143");
  await docker("rm", id);
});

test("orphans are reaped", async () => {
  const script = "sh -c 'sleep 0 & echo $! >/tmp/orphan'; exec sleep 1000";
  const id = await docker("run", "-d", "--init", "--network", "none", "busybox:local", "sh", "-c", script);
  await eventually("the end of the orphan, which as a zombie would stay in /proc", async () => {
    const probe = "test -s /tmp/orphan && test ! -e /proc/$(cat /tmp/orphan)";
    return (await engine.docker(["exec", id, "sh", "-c", probe])).code === 0;
  });
  await docker("rm", "-f", id);
});

test("the command's group has the terminal", async () => {
  const { stdout } = await run("-t", "busybox:local", "sh", "-c", "cut -d' ' -f5,8 /proc/$$/stat");
  const [group, foreground] = stdout.trim().split(" ");
  expect(group).not.toBe("1");
  expect(foreground).toBe(group);
});

test("a container in the host's pid namespace has no init", async () => {
  const { stdout } = await run("--pid", "host", "busybox:local", "sh", "-c", "ls /sbin/docker-init || echo none");
  expect(stdout.trim()).toBe("none");
});
