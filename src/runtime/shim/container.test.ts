import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chmod, rename, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import { PlanFailure } from "./errors.ts";
import { failureOf, alive, collect, missing, Reading, shimBinary, until, World } from "./fixture.ts";
import { SOCKET_NAME } from "./launcher.ts";
import { Shim } from "./shim.ts";

const reason = missing();
if (reason !== undefined) console.warn(`skipped: the shim's tests (${reason})`);

const TIMEOUT = 60_000;

describe.skipIf(reason !== undefined)("a container under its shim", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  test(
    "gives its exit code and both streams",
    async () => {
      const { stdout, stderr, exit } = await world.run({ argv: ["sh", "-c", "echo out; echo err >&2; exit 7"] });
      expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "err\n" });
      expect(exit).toMatchObject({ execId: "", code: 7, oom: false });
      expect(exit.at).toBeGreaterThan(0n);
    },
    TIMEOUT,
  );

  test(
    "is PID 1 of its namespace and has three file descriptors",
    async () => {
      const { stdout } = await world.run({ argv: ["sh", "-c", "echo $$; cd /proc/self/fd; echo *"] });
      // The shell opens one more to list the directory.
      expect(stdout).toMatch(/^1\n0 1 2( 3)?\n$/);
      const init = await world.container({ argv: ["sleep", "1000"] });
      await init.shim.start();
      const listed = await init.shim.exec(world.execOptions("fds", { argv: ["ls", "/proc/1/fd"] }));
      expect(listed.stdio === undefined ? "" : (await collect(listed.stdio)).stdout).toBe("0\n1\n2\n");
      await init.shim.kill(9);
    },
    TIMEOUT,
  );

  test(
    "a signal's death is 128 and its number; the state tells",
    async () => {
      const { shim, pid } = await world.container({ argv: ["sleep", "1000"] });
      expect(await shim.state()).toMatchObject({ state: "created", pid, exit: undefined });
      await shim.start();
      expect(await shim.state()).toMatchObject({ state: "running", pid });
      await shim.kill(9);
      const exit = await shim.waitExit();
      expect(exit).toMatchObject({ code: 137, pid });
      expect(await shim.state()).toMatchObject({ state: "exited", pid: 0, exit: { code: 137, at: exit.at } });
      expect(await failureOf(shim.kill(9))).toMatchObject({ errno: "ESRCH" });
    },
    TIMEOUT,
  );

  test(
    "waits for start",
    async () => {
      const { shim, pid } = await world.container({ argv: ["echo", "hi"] });
      // Not dumpable yet: nobody looks into it before its exec.
      expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain("berth-shim");
      await shim.kill(9);
      expect((await shim.waitExit()).code).toBe(137);
      expect(await failureOf(shim.start())).toMatchObject({ errno: "EINVAL" });
    },
    TIMEOUT,
  );

  test(
    "stdin goes through, its end is passed on",
    async () => {
      const { shim, stdio } = await world.container({
        argv: ["sh", "-c", "cat; echo end"],
        stdin: true,
        stdinOnce: true,
      });
      await shim.start();
      await stdio.write(Buffer.from("one\n"));
      await stdio.write(Buffer.from("two\n"));
      await stdio.closeInput();
      expect(await collect(stdio)).toEqual({ stdout: "one\ntwo\nend\n", stderr: "" });
      expect(stdio.end).toBe("drained");
    },
    TIMEOUT,
  );

  test(
    "stdin that is not once stays open when a client ends its input",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["cat"], stdin: true });
      await shim.start();
      const reading = new Reading(stdio);
      await stdio.write(Buffer.from("one\n"));
      await stdio.closeInput();
      await reading.until("one\n");
      const other = await shim.attach({ stdin: true, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await other.write(Buffer.from("two\n"));
      await reading.until("two\n");
      await shim.closeStdin();
      expect((await shim.waitExit()).code).toBe(0);
    },
    TIMEOUT,
  );

  test(
    "large input and output with a reader that is slow lose nothing",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["cat"], stdin: true, stdinOnce: true });
      await shim.start();
      const block = Buffer.alloc(1 << 20, "0123456789abcdef");
      const blocks = 24;
      const writing = (async () => {
        for (let i = 0; i < blocks; i++) await stdio.write(block);
        await stdio.closeInput();
      })();
      let bytes = 0;
      let turns = 0;
      let wrong = 0;
      for await (const { data } of stdio.output) {
        // Each byte is decided by its place.
        if (data[0] !== block[bytes % 16] || data.at(-1) !== block[(bytes + data.length - 1) % 16]) wrong++;
        bytes += data.length;
        if (turns++ % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
      expect({ bytes, wrong }).toEqual({ bytes: blocks << 20, wrong: 0 });
    },
    TIMEOUT,
  );

  test(
    "output of a process that has ended is kept for a client that takes its time",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["dd", "if=/dev/zero", "bs=1k", "count=300"] });
      await shim.start();
      expect((await shim.waitExit()).code).toBe(0);
      await shim.shutdown();
      expect((await collect(stdio)).stdout.length).toBe(300 * 1024);
    },
    TIMEOUT,
  );

  test(
    "a client that takes nothing is cut off after its stall limit, and the container goes on",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["dd", "if=/dev/zero", "bs=64k", "count=64"] });
      const stalled = await shim.attach({
        stdin: false,
        stdout: true,
        stderr: false,
        detachKeys: new Uint8Array(),
        stallMs: 100,
      });
      await shim.start();
      expect((await collect(stdio)).stdout.length).toBe(64 * 65_536);
      expect((await shim.waitExit()).code).toBe(0);
      expect((await collect(stalled)).stdout.length).toBeLessThan(64 * 65_536);
      expect(stalled.end).toBe("lost");
    },
    TIMEOUT,
  );

  test(
    "a client that went in the midst of its input does not keep the shim",
    async () => {
      const argv = ["sh", "-c", "while :; do echo tick; sleep 0.02; done"];
      const { shim, stdio } = await world.container({ argv, stdin: true, stdinOnce: true });
      await shim.start();
      // More than the pipe takes, and less than the pipe and the shim do.
      await stdio.write(new Uint8Array(96 * 1024));
      await stdio[Symbol.asyncDispose]();
      const other = await shim.attach({ stdin: true, stdout: true, stderr: false, detachKeys: new Uint8Array() });
      await new Reading(other).until("tick\ntick\ntick\n");
      await other.closeInput();
      await shim.kill(9);
      await shim.waitExit();
      await shim.shutdown();
      await until("the end of the shim", () => !alive(shim.pid));
    },
    TIMEOUT,
  );

  test(
    "a client that went with output before it and input behind it: all of its input arrives, and its end",
    async () => {
      await writeFile(join(world.rootfs, "tmp/much"), new Uint8Array(4 << 20));
      const { shim, stdio, pid } = await world.container({
        argv: ["cat", "/tmp/much", "-"],
        stdin: true,
        stdinOnce: true,
      });
      await shim.start();
      // The pipe's worth, the shim's, and some that waits in the socket.
      await stdio.write(new Uint8Array(160 * 1024));
      await stdio.closeInput();
      let before = "";
      await until("the container to be held back", () => {
        const now = readFileSync(`/proc/${pid}/status`, "utf8");
        const still = now === before && now.includes("State:\tS");
        before = now;
        return still;
      });
      await stdio[Symbol.asyncDispose]();
      expect((await shim.waitExit()).code).toBe(0);
    },
    TIMEOUT,
  );

  test(
    "several clients see the same; one that comes after the end sees its end",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["sh", "-c", "read x; echo $x"], stdin: true });
      const second = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await shim.start();
      await second.write(Buffer.from("ignored\n"));
      await stdio.write(Buffer.from("hello\n"));
      expect((await collect(stdio)).stdout).toBe("hello\n");
      expect((await collect(second)).stdout).toBe("hello\n");
      await shim.waitExit();
      const late = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      expect(await collect(late)).toEqual({ stdout: "", stderr: "" });
      expect(late.end).toBe("drained");
    },
    TIMEOUT,
  );

  test(
    "a terminal: its size, its echo, its console",
    async () => {
      const script = "test -c /dev/console && stty size; read x; echo got $x; stty size; readlink /proc/self/fd/0";
      const { shim, stdio } = await world.container({ argv: ["sh", "-c", script], stdin: true, tty: true });
      await shim.resize({ height: 30, width: 90 });
      await shim.start();
      const reading = new Reading(stdio);
      await reading.until("30 90");
      await shim.resize({ height: 50, width: 100 });
      await stdio.write(Buffer.from("hello\r"));
      await reading.until("/dev/pts/0\r\n");
      expect(reading.text.replaceAll("\r\n", "\n")).toBe("30 90\nhello\ngot hello\n50 100\n/dev/pts/0\n");
      expect((await shim.waitExit()).code).toBe(0);
    },
    TIMEOUT,
  );

  test(
    "detach keys end the client and leave the container running",
    async () => {
      const { shim, stdio } = await world.container({ argv: ["cat"], stdin: true, tty: true });
      await shim.start();
      await stdio.write(new Uint8Array([16]));
      await stdio.write(new Uint8Array([17]));
      await collect(stdio);
      expect(stdio.end).toBe("detached");
      expect((await shim.state()).state).toBe("running");
      await shim.kill(9);
    },
    TIMEOUT,
  );

  test(
    "the announcement waits for output, but not for one who keeps the pipe",
    async () => {
      // A process of another pid namespace that holds the pipe: an exec's orphan lives on with PID 1.
      const { shim } = await world.container({ argv: ["sleep", "1000"] });
      await shim.start();
      const { stdio } = await shim.exec(
        world.execOptions("orphan", { argv: ["sh", "-c", "sleep 1000 & echo started; exit 4"] }),
      );
      const output = stdio === undefined ? undefined : await collect(stdio);
      expect(output?.stdout).toBe("started\n");
      expect((await shim.waitExit("orphan")).code).toBe(4);
      await shim.kill(9);
    },
    TIMEOUT,
  );

  test(
    "a failed operation says which, and leaves nothing",
    async () => {
      const shim = await world.shim();
      const ops = world.ops({ argv: ["true"], before: [{ op: "sysctl", name: "no/such", value: "1" }] });
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      const failure: unknown = await shim
        .create({ ...options, plan: encodePlan(ops) })
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PlanFailure);
      expect(failure).toMatchObject({ op: "sysctl", errno: "ENOENT", detail: "open /proc/sys/no/such" });
      expect(failure).toMatchObject({ index: ops.findIndex(({ op }) => op === "sysctl") });
      expect((await shim.state()).state).toBe("claimed");
      expect(readFileSync(`/proc/${shim.pid}/task/${shim.pid}/children`, "utf8")).toBe("");
      // The shim is not used up by it.
      await world.create(shim, { argv: ["true"] });
      await shim.start();
      expect((await shim.waitExit()).code).toBe(0);
    },
    TIMEOUT,
  );

  test.each<[string, string, string]>([
    ["is not there", "nothing-there", "ENOENT"],
    ["is not executable", "/plain", "EACCES"],
    ["is a directory", "/tmp", "EISDIR"],
    ["is the runtime itself", "/proc/self/exe", "EACCES"],
  ])(
    "a program that %s",
    async (_what, program, errno) => {
      await writeFile(`${world.rootfs}/plain`, "text");
      const shim = await world.shim();
      const failure: unknown = await world.create(shim, { argv: [program] }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ op: "find_program", errno });
    },
    TIMEOUT,
  );

  test(
    "a file that is no program starts, says so and ends with 255",
    async () => {
      await writeFile(`${world.rootfs}/bin/garbage`, "\u0001\u0002 no program");
      await chmod(`${world.rootfs}/bin/garbage`, 0o755);
      const { shim } = await world.container({ argv: ["garbage"] });
      const stdio = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await shim.start();
      const said: string[] = [];
      for await (const { stream, data } of stdio.output) said.push(`${stream} ${Buffer.from(data).toString()}`);
      expect(said).toEqual(["stderr exec /bin/garbage: exec format error\n"]);
      expect((await shim.waitExit()).code).toBe(255);
    },
    TIMEOUT,
  );

  test(
    "plans that are malformed or incomplete are refused",
    async () => {
      const shim = await world.shim();
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      const good = world.ops({ argv: ["true"] });
      const without = (name: PlanOp["op"]) => encodePlan(good.filter(({ op }) => op !== name));
      const encoded = encodePlan(good);
      const unknown = encoded.slice();
      new DataView(unknown.buffer).setUint16(12, 999, true);
      for (const [plan, errno] of [
        [new Uint8Array(), "EINVAL"],
        [encoded.subarray(0, encoded.length - 1), "EINVAL"],
        [unknown, "ENOSYS"],
        [without("spawn_init"), "EINVAL"],
        [without("wait_start"), "EINVAL"],
      ] as const) {
        expect(await shim.create({ ...options, plan }).catch((error: unknown) => error)).toMatchObject({ errno });
      }
      const truncated = encoded.slice();
      // The first operation claims fewer bytes than its arguments need.
      const view = new DataView(truncated.buffer);
      const length = view.getUint32(16, true);
      view.setUint32(16, 4, true);
      const cut = Buffer.concat([truncated.subarray(0, 24), truncated.subarray(20 + length)]);
      expect(await shim.create({ ...options, plan: cut }).catch((error: unknown) => error)).toMatchObject({
        op: "open_tree",
        errno: "EINVAL",
      });
    },
    TIMEOUT,
  );
});

describe.skipIf(reason !== undefined)("a shim and its daemon", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  test(
    "a daemon that was away finds everything again",
    async () => {
      const { shim, stdio, pid } = await world.container({
        argv: ["sh", "-c", "read x; echo $x; exit 5"],
        stdin: true,
        stdinOnce: true,
      });
      await shim.start();
      // As when it is killed: its sockets just end. Stdin stays open.
      shim.close();
      await stdio[Symbol.asyncDispose]();

      const again = await Shim.connect(shim.directory);
      expect(await again.state()).toMatchObject({ state: "running", pid });
      const client = await again.attach({ stdin: true, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      again.close();
      await client.write(Buffer.from("hello\n"));
      expect((await collect(client)).stdout).toBe("hello\n");

      // It ended with no daemon there: state and record tell, to whoever comes later.
      const later = await Shim.connect(shim.directory);
      expect(await later.waitExit()).toMatchObject({ code: 5, pid, oom: false });
      await later.shutdown();
      await until("the shim to end", () => !alive(shim.pid));
      expect(await failureOf(Shim.connect(shim.directory))).toMatchObject({ errno: "ENOENT" });
    },
    TIMEOUT,
  );

  test(
    "a connection that breaks under a living shim is made anew, and no exit is missed",
    async () => {
      const { shim: first, stdio, pid } = await world.container({ argv: ["sh", "-c", "read x; exit 6"], stdin: true });
      await first.start();
      const between = await Between.of(first);
      await using _between = between;
      const shim = await Shim.connect(first.directory);
      const exit = shim.waitExit();

      between.cut();
      expect(await shim.state()).toMatchObject({ state: "running", pid });
      await shim.kill(0);

      between.closed = true;
      between.cut();
      await stdio.write(Buffer.from("go\n"));
      await first.waitExit();
      await until("another try to connect", () => between.refused > 1);
      between.closed = false;
      expect(await exit).toMatchObject({ code: 6, pid });
      shim.close();
      await shim.lost;
    },
    TIMEOUT,
  );

  test(
    "a shim in which nothing was made ends with its last connection",
    async () => {
      const shim = await world.shim();
      shim.close();
      await until("the shim to end", () => !alive(shim.pid));
    },
    TIMEOUT,
  );

  test(
    "shutdown kills what runs",
    async () => {
      const { shim, pid } = await world.container({ argv: ["sleep", "1000"] });
      await shim.start();
      await shim.shutdown();
      await until("both to end", () => !alive(shim.pid) && !alive(pid));
    },
    TIMEOUT,
  );

  test(
    "the death of a shim is seen, and nobody waits for ever",
    async () => {
      const { shim, stdio, pid } = await world.container({ argv: ["sleep", "1000"] });
      await shim.start();
      const exit = shim.waitExit();
      process.kill(shim.pid, "SIGKILL");
      expect(await failureOf(exit)).toMatchObject({ errno: "EPIPE" });
      await shim.lost;
      await collect(stdio);
      expect(stdio.end).toBe("lost");
      expect(alive(pid)).toBe(true); // the cgroup is the caller's to kill
      process.kill(pid, "SIGKILL");
      await until("PID 1 to end", () => !alive(pid));
    },
    TIMEOUT,
  );

  test(
    "a created container does not outlive its shim",
    async () => {
      const { shim, pid } = await world.container({ argv: ["sleep", "1000"] });
      process.kill(shim.pid, "SIGKILL");
      await until("PID 1 to end", () => !alive(pid));
    },
    TIMEOUT,
  );

  test(
    "its run directory must be private, its socket not taken",
    async () => {
      const directory = await world.runDirectory();
      const program = { binary: shimBinary() };
      await chmod(directory, 0o755);
      expect(String(await failureOf(Shim.launch(program, directory)))).toContain("0700");
      const { shim } = await world.container({ argv: ["true"] });
      expect(String(await failureOf(Shim.launch(program, shim.directory)))).toContain("Address already in use");
    },
    TIMEOUT,
  );

  test(
    "malformed messages end their own connection only; unknown requests are refused",
    async () => {
      const { shim } = await world.container({ argv: ["sleep", "1000"] });
      const path = `${shim.directory}/${SOCKET_NAME}`;
      const head = (length: number, type: number) => {
        const bytes = Buffer.alloc(12);
        bytes.writeUInt32LE(length, 0);
        bytes.writeUInt16LE(type, 4);
        bytes.writeUInt32LE(7, 8);
        return bytes;
      };
      /** What the shim answers before it hangs up, or the first 16 bytes. */
      const exchange = async (sent: Buffer): Promise<Buffer> => {
        const socket = connect({ path });
        const { promise, resolve } = Promise.withResolvers<Buffer>();
        let received = Buffer.alloc(0);
        socket.on("data", (data: Buffer) => {
          received = Buffer.concat([received, data]);
          if (received.length >= 16) resolve(received.subarray(0, 16));
        });
        socket.on("close", () => resolve(received));
        socket.on("error", () => undefined);
        socket.write(sent);
        const answer = await promise;
        socket.destroy();
        return answer;
      };
      expect((await exchange(head(0x7fff_ffff, 2))).length).toBe(0);
      for (const type of [999, 2, 5, 7, 8, 11, 13, 14]) {
        const answer = await exchange(head(0, type));
        expect(answer.readUInt16LE(4)).toBe(type | 0x8000);
        expect(answer.readUInt32LE(8)).toBe(7);
        expect(answer.readUInt32LE(12)).toBe(1);
      }
      // A version that it does not speak.
      const hello = Buffer.concat([head(12, 1), Buffer.from(new Uint32Array([90, 99, 0]).buffer)]);
      expect((await exchange(hello)).readUInt32LE(12)).toBe(1);
      expect((await shim.state()).state).toBe("created");
    },
    TIMEOUT,
  );

  test(
    "ports are held until the shim is told or ends",
    async () => {
      const first = await world.shim();
      const second = await world.shim();
      const loopback = new Uint8Array([127, 0, 0, 1]);
      const { port } = await first.reservePort(loopback, 6, 0);
      expect(port).toBeGreaterThan(0);
      expect(await second.reservePort(loopback, 6, port).catch((error: unknown) => error)).toMatchObject({
        errno: "EADDRINUSE",
      });
      const other = await first.reservePort(loopback, 17, 0);
      await first.releasePorts([other.descriptor]);
      expect(await second.reservePort(loopback, 17, other.port)).toMatchObject({ port: other.port });
      expect(await second.reservePort(loopback, 6, port).catch((error: unknown) => error)).toMatchObject({
        errno: "EADDRINUSE",
      });
      await first.releasePorts(undefined);
      expect(await second.reservePort(loopback, 6, port)).toMatchObject({ port });
    },
    TIMEOUT,
  );
});

/** Stands between a shim and those who connect from now on, and cuts their connections. */
class Between implements AsyncDisposable {
  /** Hangs up on each new connection. */
  closed = false;
  refused = 0;
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #path: string;
  readonly #behind: string;
  readonly #open = new Set<Socket>();

  private constructor(shim: Shim) {
    this.#path = join(shim.directory, SOCKET_NAME);
    this.#behind = `${this.#path}.behind`;
  }

  static async of(shim: Shim): Promise<Between> {
    const made = new Between(shim);
    await rename(made.#path, made.#behind);
    await new Promise<void>((listening) => made.#server.listen(made.#path, listening));
    return made;
  }

  #accept(socket: Socket): void {
    if (this.closed) {
      this.refused += 1;
      socket.destroy();
      return;
    }
    const behind = connect({ path: this.#behind });
    for (const each of [socket, behind]) {
      this.#open.add(each);
      each.on("error", () => undefined);
      each.on("close", () => this.#open.delete(each));
    }
    socket.pipe(behind).pipe(socket);
  }

  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((closed) => this.#server.close(closed));
    await rename(this.#behind, this.#path);
  }
}
