import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output } from "../../support/process.ts";
import { OneImageRegistry } from "../../support/registry.ts";
import { type Screen, TerminalSession } from "../../support/terminal.ts";
import { eventually } from "../../support/wait.ts";

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
const programs = [{ name: "berth", file: BERTH }];
if (version.includes("version 28.")) programs.push({ name: "docker", file: "docker" });
else console.log(`skipped: docker's command on a terminal, for it differs: this machine has ${version}`);

const CTRL_C = "\u0003";
const DETACH = "\u0010\u0011"; // Ctrl-P Ctrl-Q

let engine: TestEngine;
let registry: OneImageRegistry;
beforeAll(async () => {
  engine = await startEngine();
  registry = await OneImageRegistry.start([{ name: "data", data: randomBytes(1 << 20) }]);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

describe.each(programs)("$name on a terminal", ({ name, file }) => {
  const start = (args: readonly string[], screen?: Screen) =>
    TerminalSession.start([file, ...args], engine.clientEnv(), screen);
  const named = (what: string) => `${what}-${name}`;

  test("run -it passes output through as the container's terminal wrote it", async () => {
    await using session = start(["run", "--rm", "-it", "busybox:local", "printf", "a\\nb\\n"]);
    expect(await session.ended()).toBe(0);
    expect(withoutResizeNotice(session)).toBe("a\r\nb\r\n");
  });

  test("run -it gives back a terminal that works as before", async () => {
    const line = `stty -g; ${file} run --rm -it busybox:local true; stty -g`;
    await using session = TerminalSession.start(["sh", "-c", line], engine.clientEnv());
    expect(await session.ended()).toBe(0);
    const [before, after] = withoutResizeNotice(session).split("\r\n");
    expect(after).toBe(before ?? "");
    expect(before).toMatch(/^[0-9a-f:]+$/);
  });

  test("run -it tells the container the terminal's size, and when it changes", async () => {
    const script = 'stty -echo; echo ready; while read line; do stty size; done; echo "end"';
    await using session = start(["run", "--rm", "-it", "busybox:local", "sh", "-c", script], { columns: 91, rows: 23 });
    await session.shows("ready\r\n");
    await becomes(session, "23 91\r\n");
    session.resize({ columns: 77, rows: 33 });
    await becomes(session, "33 77\r\n");
    session.type("\u0004"); // the end of input on a terminal
    expect(await session.ended()).toBe(0);
  });

  test("a program that asks for the terminal's size first of all is told it", async () => {
    const words = ["run", "--rm", "-it", "busybox:local", "stty", "size"];
    await using session = start(words, { columns: 91, rows: 23 });
    expect(await session.ended()).toBe(0);
    expect(withoutResizeNotice(session)).toBe("23 91\r\n");
    const container = named("sized");
    await using made = start(["create", "-t", "--name", container, "busybox:local"], { columns: 91, rows: 23 });
    expect(await made.ended()).toBe(0);
    expect((await engine.berth(["inspect", "-f", "{{.HostConfig.ConsoleSize}}", container])).stdout).toBe("[23 91]\n");
  });

  /** The client tells the size beside everything else: the container is asked, a line each, until it knows. */
  async function becomes(session: TerminalSession, size: string): Promise<void> {
    const answers = (): string[] => session.text.match(/\d+ \d+\r\n/g) ?? [];
    await eventually(`the size ${size} in the container, which says ${session.text}`, async () => {
      const before = answers().length;
      session.type("\r");
      await eventually("an answer", () => answers().length > before);
      return answers().includes(size);
    });
  }

  test("the detach keys leave the container running", async () => {
    const container = named("detached");
    const script = "echo ready; sleep 1000 & wait";
    await using session = start(["run", "-it", "--name", container, "busybox:local", "sh", "-c", script]);
    await session.shows("ready\r\n");
    session.type(DETACH);
    expect(await session.ended()).toBe(0);
    expect(await stateOf(container)).toBe("running");
    await using again = start(["attach", "--detach-keys", "ctrl-a,x", container]);
    again.type("\u0001x");
    expect(await again.ended()).toBe(1);
    expect(again.text).toContain("read escape sequence");
    await using exec = start(["exec", "-it", container, "sh", "-c", "echo here; exec cat"]);
    await exec.shows("here\r\n");
    exec.type(DETACH);
    expect(await exec.ended()).toBe(1);
    expect(exec.text).toContain("read escape sequence");
    expect(await stateOf(container)).toBe("running");
  });

  test("a detach key that is typed twice leaves nothing, and hangs nobody", async () => {
    const container = named("twice");
    const script = "stty raw -echo; echo ready; dd bs=1 count=3 2>/dev/null | od -An -tx1; exec sleep 1000";
    await using session = start(["run", "-it", "--name", container, "busybox:local", "sh", "-c", script]);
    await session.shows("ready");
    for (const key of `${DETACH[0]}${DETACH}`) session.type(key);
    await session.shows("10 10 11");
    session.type(DETACH);
    expect(await session.ended()).toBe(0);
  });

  test("attach makes a program draw anew, also on a terminal of the same size", async () => {
    const container = named("drawing");
    const script = "trap 'echo drawn' WINCH; echo ready; while :; do sleep 1000 & wait; done";
    await engine.berth(["run", "-dit", "--name", container, "busybox:local", "sh", "-c", script]);
    const ready = async () => (await engine.berth(["logs", container])).stdout.includes("ready");
    await eventually("the program, which is ready", ready);
    for (let times = 0; times < 2; times += 1) {
      await using session = start(["attach", container], { columns: 91, rows: 23 });
      await session.shows("drawn\r\n");
      session.type(DETACH);
      expect(await session.ended()).toBe(1);
    }
  });

  test("errors are written as they are", async () => {
    await using session = start(["attach", "nosuch"]);
    expect(await session.ended()).toBe(1);
    expect(session.text).toBe("Error response from daemon: No such container: nosuch\r\n");
  });

  test("Ctrl-C goes to the program in a container with a terminal", async () => {
    const script = "trap 'echo caught; exit 5' INT; echo ready; sleep 1000 & wait";
    await using session = start(["run", "--rm", "-it", "busybox:local", "sh", "-c", script]);
    await session.shows("ready\r\n");
    session.type(CTRL_C);
    expect(await session.ended()).toBe(5);
    expect(session.text).toContain("caught\r\n");
  });

  test("Ctrl-C is passed on to a container without a terminal", async () => {
    const script = "trap 'echo caught; exit 6' INT; echo ready; sleep 1000 & wait";
    await using session = start(["run", "--rm", "busybox:local", "sh", "-c", script]);
    await session.shows("ready\r\n");
    session.type(CTRL_C);
    expect(await session.ended()).toBe(6);
    expect(session.text).toContain("caught\r\n");
  });

  test("exec -it is a shell as on any terminal", async () => {
    const container = named("shell");
    await engine.berth(["run", "-d", "--name", container, "busybox:local", "sleep", "1000"]);
    await using session = start(["exec", "-it", container, "sh"]);
    await session.shows("# ");
    session.type("echo $((6 * 7)); exit 9\r");
    expect(await session.ended()).toBe(9);
    expect(session.text).toContain("\r\n42\r\n");
    expect(session.text).not.toContain("\r\r\n");
  });

  if (name === "berth") {
    test("a terminal is as before when a session on it ends by SIGHUP, which docker leaves raw", async () => {
      const container = named("hangup");
      await engine.berth(["run", "-d", "--name", container, "busybox:local", "sleep", "1000"]);
      const session = `sh -c 'echo pid $$; exec ${file} exec -it ${container} sh'`;
      const line = `stty -g; ${session}; echo code $?; stty -g`;
      await using terminal = TerminalSession.start(["sh", "-c", line], engine.clientEnv());
      await terminal.shows("/ # ");
      const [, before, pid] = /^(.*)\r\npid (\d+)\r\n/.exec(terminal.text) ?? [];
      process.kill(Number(pid), "SIGHUP");
      expect(await terminal.ended()).toBe(0);
      expect(/code (\d+)\r?\n(.*?)\r?\n/.exec(terminal.text)?.slice(1)).toEqual(["129", before ?? ""]);
      expect(before).toMatch(/^[0-9a-f:]+$/);
    });
  }

  test("logs -f ends with Ctrl-C", async () => {
    const container = named("logs");
    await engine.berth(["run", "-d", "--name", container, "busybox:local", "sh", "-c", "echo ready; exec sleep 1000"]);
    await using session = start(["logs", "-f", container]);
    await session.shows("ready\r\n");
    session.type(CTRL_C);
    expect(await session.ended()).toBe(130);
  });

  test("pull writes over its lines on a terminal, and writes plain ones into a pipe", async () => {
    const { image } = registry;
    await engine.berth(["rmi", image]);
    await using session = start(["pull", image]);
    expect(await session.ended()).toBe(0);
    expect(session.text).toContain("\u001b[1A\u001b[2K\r");
    expect(session.text).toMatch(/: Pull complete \r\u001b\[1BDigest: sha256:/);
    await engine.berth(["rmi", image]);
    const piped = await output(file, ["pull", image], { env: engine.clientEnv() });
    expect(piped.replace(/[0-9a-f]{12,}/g, "X").split("\n")).toEqual([
      "1: Pulling from tiny",
      "X: Pulling fs layer",
      "X: Verifying Checksum",
      "X: Download complete",
      "X: Pull complete",
      "Digest: sha256:X",
      `Status: Downloaded newer image for ${image}`,
      image,
    ]);
  });
});

async function stateOf(container: string): Promise<string> {
  return (await engine.berth(["inspect", "--format", "{{.State.Status}}", container])).stdout.trim();
}

/** Docker's command says this when a container ended before it was told the size. */
function withoutResizeNotice({ text }: TerminalSession): string {
  return text.replace(/failed to resize tty, using default size\r?\n/, "");
}
