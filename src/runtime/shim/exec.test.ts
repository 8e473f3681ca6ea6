import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { failureOf, alive, collect, missing, until, World } from "./fixture.ts";
import { readExitRecord } from "./records.ts";
import { Shim } from "./shim.ts";

const reason = missing();
if (reason !== undefined) console.warn(`skipped: exec (${reason})`);

const TIMEOUT = 60_000;

describe.skipIf(reason !== undefined)("exec", () => {
  let world: World;
  let shim: Shim;
  let pid: number;
  beforeAll(async () => {
    world = await World.make();
    const container = await world.container({ argv: ["sleep", "1000"] });
    shim = container.shim;
    pid = container.pid;
    await shim.start();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  /** Runs a command in the container, to its end. */
  async function exec(id: string, argv: readonly string[], input?: string) {
    const { stdio } = await shim.exec(world.execOptions(id, { argv, stdin: input !== undefined }));
    if (stdio === undefined) throw new Error("no stdio");
    if (input !== undefined) await stdio.write(Buffer.from(input));
    await stdio.closeInput();
    const output = await collect(stdio);
    const exit = await shim.waitExit(id);
    await shim.forgetExec(id);
    return { ...output, code: exit.code };
  }

  test(
    "runs in the container's namespaces, with streams of its own and its exit code",
    async () => {
      const { stdout, stderr, code } = await exec("one", [
        "sh",
        "-c",
        "readlink /proc/self/ns/pid; readlink /proc/self/ns/mnt; echo err >&2; exit 3",
      ]);
      expect(stdout).toBe(`${readlinkSync(`/proc/${pid}/ns/pid`)}\n${readlinkSync(`/proc/${pid}/ns/mnt`)}\n`);
      expect({ stderr, code }).toEqual({ stderr: "err\n", code: 3 });
    },
    TIMEOUT,
  );

  test(
    "stdin ends with its client's input",
    async () => {
      expect(await exec("cat", ["cat"], "hello\n")).toEqual({ stdout: "hello\n", stderr: "", code: 0 });
    },
    TIMEOUT,
  );

  test(
    "a terminal of the container's devpts",
    async () => {
      const { stdio } = await shim.exec(
        world.execOptions("tty", { argv: ["sh", "-c", "stty size; readlink /proc/self/fd/0"], tty: true }),
      );
      const output = stdio === undefined ? undefined : await collect(stdio);
      expect(output?.stdout).toBe("24 80\r\n/dev/pts/0\r\n");
    },
    TIMEOUT,
  );

  test(
    "has three file descriptors, and no file of the host",
    async () => {
      expect((await exec("fds", ["sh", "-c", "cd /proc/self/fd; echo *"])).stdout).toMatch(/^0 1 2( 3)?\n$/);
    },
    TIMEOUT,
  );

  test(
    "working directories beneath /proc/self/fd are refused",
    async () => {
      for (const cwd of ["/proc/self/fd/0", "/proc/self/fd/3", "/proc/1/cwd", "/proc/self/root"]) {
        const failed: unknown = await shim
          .exec(world.execOptions("cwd", { argv: ["true"], cwd }))
          .catch((error: unknown) => error);
        expect(failed).toMatchObject({ op: "chdir" });
      }
    },
    TIMEOUT,
  );

  test(
    "the runtime's own file is no program",
    async () => {
      expect(await failureOf(exec("self", ["/proc/self/exe"]))).toMatchObject({ op: "find_program", errno: "EACCES" });
    },
    TIMEOUT,
  );

  test(
    "many at once, each with its own end",
    async () => {
      const codes = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => (await exec(`many-${i}`, ["sh", "-c", `exit ${i}`])).code),
      );
      expect(codes).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect((await shim.state()).execs).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    "without a client its end is told, and recorded",
    async () => {
      const options = world.execOptions("alone", { argv: ["sh", "-c", "echo dropped; exit 9"] });
      const { stdio } = await shim.exec({ ...options, attach: undefined });
      expect(stdio).toBeUndefined();
      expect((await shim.waitExit("alone")).code).toBe(9);
      expect(await readExitRecord(shim.directory, "alone")).toMatchObject({ execId: "alone", code: 9 });
      await shim.forgetExec("alone");
      expect(existsSync(join(shim.directory, "exec-alone.json"))).toBe(false);
    },
    TIMEOUT,
  );

  test(
    "is found again by a daemon that was away, and signalled",
    async () => {
      const started = await shim.exec(world.execOptions("long", { argv: ["sleep", "1000"] }));
      const other = await Shim.connect(shim.directory);
      expect((await other.state()).execs).toEqual([{ id: "long", pid: started.pid, tty: false }]);
      const client = await other.attach({
        execId: "long",
        stdin: false,
        stdout: true,
        stderr: true,
        detachKeys: new Uint8Array(),
      });
      await other.kill(15, "long");
      expect((await other.waitExit("long")).code).toBe(143);
      await collect(client);
      other.close();
      await shim.forgetExec("long");
    },
    TIMEOUT,
  );

  test(
    "orphans go to the container's PID 1",
    async () => {
      const { stdout } = await exec("orphans", ["sh", "-c", "(sleep 1000 >/dev/null 2>&1 </dev/null & echo $!)"]);
      const orphan = stdout.trim();
      const status = await exec("parent", [
        "sh",
        "-c",
        `while read k v; do test $k = PPid: && echo $v; done </proc/${orphan}/status; kill -9 ${orphan}`,
      ]);
      expect(status.stdout).toBe("1\n");
    },
    TIMEOUT,
  );

  test(
    "leaves nothing behind: no process, no file descriptor",
    async () => {
      const before = readdirSync(`/proc/${shim.pid}/fd`).length;
      for (let i = 0; i < 30; i++) await exec(`again-${i}`, ["true"]);
      await until("its descriptors to be as before", () => readdirSync(`/proc/${shim.pid}/fd`).length <= before);
      const children = () => readFileSync(`/proc/${shim.pid}/task/${shim.pid}/children`, "utf8").trim();
      await until("its children to be as before", () => children() === String(pid));
    },
    TIMEOUT,
  );

  test(
    "is refused where nothing runs",
    async () => {
      const idle = await world.shim();
      expect(await failureOf(idle.exec(world.execOptions("x", { argv: ["true"] })))).toMatchObject({ errno: "ESRCH" });
      expect(alive(idle.pid)).toBe(true);
    },
    TIMEOUT,
  );
});
