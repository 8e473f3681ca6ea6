import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { failureOf, alive, collect, missing, until, World } from "./fixture.ts";
import type { Shim, ExternalCreateOptions } from "./shim.ts";

const reason = missing();
if (reason !== undefined) console.warn(`skipped: other OCI runtimes under the shim (${reason})`);
const runc = ["/usr/sbin/runc", "/usr/bin/runc"].find((path) => existsSync(path));
if (runc === undefined) console.warn("skipped: runc under the shim (it is not installed)");

const TIMEOUT = 60_000;

/**
 * A runtime without containers: `create PIDFILE GATE COMMAND…` starts a process that waits for `start GATE`,
 * `exec PIDFILE COMMAND…` one that waits for the runtime's own end, since a shell waits for what ended before it does, and
 * `lost PIDFILE COMMAND…` one that it has waited for.
 */
const FAKE_RUNTIME = `#!/bin/sh
verb=$1 file=$2; shift 2
exec 3<&0
case $verb in
create) gate=$1; shift; mkfifo "$gate"; (read go <"$gate"; exec "$@" <&3 3<&-) & echo $! >"$file" ;;
exec) mkfifo "$file.end"; (read end <"$file.end"; exec "$@" <&3 3<&-) & pid=$!; exec 4>"$file.end"; echo $pid >"$file" ;;
lost) (exec "$@") & pid=$!; wait; echo $pid >"$file" ;;
start) echo go >"$file" ;;
*) echo "no $verb" >&2; exit 3 ;;
esac
`;

describe.skipIf(reason !== undefined)("another runtime's container", () => {
  let world: World;
  let runtime: string;
  beforeAll(async () => {
    world = await World.make();
    runtime = join(world.directory, "fake-runtime");
    writeFileSync(runtime, FAKE_RUNTIME, { mode: 0o755 });
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  const client = (shim: Shim) => shim.attach({ stdin: true, stdout: true, stderr: true, detachKeys: new Uint8Array() });

  /** Options for a command that the fake runtime runs. */
  async function options(command: readonly string[]): Promise<ExternalCreateOptions> {
    const directory = await mkdtemp(join(world.directory, "external-"));
    const pidFile = join(directory, "pid");
    const gate = join(directory, "gate");
    return {
      tty: false,
      stdin: true,
      stdinOnce: true,
      log: { path: join(directory, "log"), maxSize: 0, maxFiles: 1 },
      oomEvents: undefined,
      program: { argv: [runtime, "create", pidFile, gate, ...command], pidFile, consoleSocket: undefined },
      startArgv: [runtime, "start", gate],
    };
  }

  test(
    "is a child of the shim: its output, log, input and exit",
    async () => {
      const shim = await world.shim();
      const made = await options(["sh", "-c", "cat; echo err >&2; exit 6"]);
      const pid = await shim.createExternal(made);
      const stdio = await client(shim);
      expect(await shim.state()).toMatchObject({ state: "created", pid });
      await stdio.write(Buffer.from("hello\n"));
      await stdio.closeInput();
      await shim.start();
      expect(await collect(stdio)).toEqual({ stdout: "hello\n", stderr: "err\n" });
      expect(await shim.waitExit()).toMatchObject({ code: 6, pid });
      expect(readFileSync(made.log?.path ?? "", "utf8")).toContain('"log":"hello\\n"');
    },
    TIMEOUT,
  );

  test(
    "execs; orphans that are left to the shim are reaped",
    async () => {
      const shim = await world.shim();
      const pid = await shim.createExternal(await options(["sleep", "1000"]));
      await shim.start();
      const pidFile = join(world.directory, "exec-pid");
      const { stdio } = await shim.execExternal({
        id: "one",
        tty: false,
        stdin: false,
        attach: { stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() },
        program: {
          argv: [runtime, "exec", pidFile, "sh", "-c", "(sh -c 'exit 1' &) ; echo done; exit 2"],
          pidFile,
          consoleSocket: undefined,
        },
      });
      expect(stdio === undefined ? "" : (await collect(stdio)).stdout).toBe("done\n");
      expect((await shim.waitExit("one")).code).toBe(2);
      const children = () => readFileSync(`/proc/${shim.pid}/task/${shim.pid}/children`, "utf8").trim();
      await until("one child to be left", () => children() === String(pid));
      await shim.kill(9);
      expect((await shim.waitExit()).code).toBe(137);
    },
    TIMEOUT,
  );

  test(
    "is not waited for when the runtime has done so itself",
    async () => {
      const shim = await world.shim();
      const made = await options(["true"]);
      const argv = [runtime, "lost", made.program.pidFile, "true"];
      const lost = { ...made, program: { ...made.program, argv } };
      expect(await failureOf(shim.createExternal(lost))).toMatchObject({ detail: "the runtime left no process" });
    },
    TIMEOUT,
  );

  test(
    "that cannot be made is an error, and nothing of it is left",
    async () => {
      const shim = await world.shim();
      const made = await options(["true"]);
      const wrong = { ...made, program: { ...made.program, argv: [runtime, "nonsense", "x"] } };
      expect(await failureOf(shim.createExternal(wrong))).toMatchObject({ detail: "the runtime ended with 3" });
      const absent = { ...made, program: { ...made.program, argv: [join(world.directory, "absent")] } };
      expect(await failureOf(shim.createExternal(absent))).toMatchObject({ detail: "the runtime ended with 127" });
      expect((await shim.state()).state).toBe("claimed");
    },
    TIMEOUT,
  );

  test(
    "whose start fails is still created",
    async () => {
      const shim = await world.shim();
      const pid = await shim.createExternal({ ...(await options(["true"])), startArgv: [runtime, "nonsense", "x"] });
      expect(await failureOf(shim.start())).toMatchObject({ errno: "ECHILD" });
      expect((await shim.state()).state).toBe("created");
      await shim.shutdown();
      await until("it to end", () => !alive(pid));
    },
    TIMEOUT,
  );

  test.skipIf(runc === undefined)(
    "by runc, with a terminal",
    async () => {
      const bundle = await mkdtemp(join(world.directory, "bundle-"));
      const state = join(bundle, "state");
      const id = `berth-test-${process.pid}`;
      const program = runc ?? "";
      execFileSync(program, ["spec", "--bundle", bundle]);
      // What `runc spec` has just written; the keys that are changed here.
      const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
        root: { path: string; readonly: boolean };
        process: { args: string[]; consoleSize?: { height: number; width: number } };
        linux: { resources?: unknown };
      };
      config.root = { path: world.rootfs, readonly: false };
      config.process.args = ["sh", "-c", "stty size; readlink /proc/self/fd/0; read x; exit 5"];
      config.process.consoleSize = { height: 20, width: 70 };
      // Without limits it needs no cgroup of its own.
      delete config.linux.resources;
      writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
      const base = [program, "--root", state, "--log", join(bundle, "runtime.log")];
      const pidFile = join(bundle, "pid");
      const consoleSocket = join(bundle, "tty.sock");
      const shim = await world.shim();
      try {
        await shim.createExternal({
          tty: true,
          stdin: true,
          stdinOnce: false,
          log: undefined,
          oomEvents: undefined,
          program: {
            argv: [...base, "create", "--bundle", bundle, "--pid-file", pidFile, "--console-socket", consoleSocket, id],
            pidFile,
            consoleSocket,
          },
          startArgv: [...base, "start", id],
        });
        const stdio = await client(shim);
        await shim.start();
        const execPid = join(bundle, "exec-pid");
        const { stdio: exec } = await shim.execExternal({
          id: "one",
          tty: false,
          stdin: false,
          attach: { stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() },
          program: {
            argv: [...base, "exec", "--detach", "--pid-file", execPid, id, "sh", "-c", "echo in; exit 4"],
            pidFile: execPid,
            consoleSocket: undefined,
          },
        });
        expect(exec === undefined ? "" : (await collect(exec)).stdout).toBe("in\n");
        expect((await shim.waitExit("one")).code).toBe(4);
        await stdio.write(Buffer.from("\r"));
        expect((await collect(stdio)).stdout).toContain("/dev/pts/0");
        expect((await shim.waitExit()).code).toBe(5);
      } finally {
        execFileSync(program, ["--root", state, "delete", "--force", id], { stdio: "ignore" });
      }
    },
    TIMEOUT,
  );
});
