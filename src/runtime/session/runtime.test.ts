import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, messageOf, randomId, silentLogger, type ContainerId } from "../../base/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { loadNative } from "../../sys/index.ts";
import { LaunchError } from "../errors.ts";
import { createRuntime } from "../index.ts";
import { BusyboxImage, whyNoBusybox } from "../testing/busybox.ts";
import { containerSpec } from "../testing/container-spec.ts";
import { drain, firstLine } from "../testing/output.ts";
import { reasonOf, rejectionOf } from "../testing/rejection.ts";
import type { ExecRequest, Task, TaskRequest } from "../types.ts";
import { fileURLToPath } from "node:url";

const shimPath = fileURLToPath(new URL("../../../build/berth-shim", import.meta.url));
const reason = whyNoBusybox() ?? (existsSync(shimPath) ? undefined : `${shimPath} is not built`);
if (reason !== undefined) console.log(`skipped: ${reason}`);

const NO_KEYS = new Uint8Array();
const LIMIT = 60_000;

describe.skipIf(reason !== undefined)("a real container", () => {
  const image = new BusyboxImage();
  const execRoot = join(image.directory, "run");
  const parent = `/berth-test-${process.pid}`;
  const opened = open(silentLogger);
  const tasks: Task[] = [];

  async function open(logger: Parameters<typeof createRuntime>[0]["logger"]) {
    mkdirSync(execRoot, { recursive: true, mode: 0o700 });
    return await createRuntime({ execRoot, shimPath, calls: loadNative(), logger });
  }

  afterEach(async () => {
    for (const task of tasks.splice(0)) await task.release();
  });

  afterAll(async () => {
    const { runtime } = await opened;
    await runtime.sweep(new Set());
    expect(readdirSync(join(execRoot, "tasks"))).toEqual([]);
    removeParents(parent);
    image[Symbol.dispose]();
  });

  function request(id: ContainerId, args: string[], change?: (spec: RuntimeSpec) => void): TaskRequest {
    const spec = containerSpec(id, args, (made) => {
      made.linux.cgroupsPath = `${parent}/${id}`;
      change?.(made);
    });
    return {
      id,
      spec,
      rootfs: image.rootfs(),
      runtime: undefined,
      stdin: { open: false, once: false },
      log: undefined,
    };
  }

  async function create(args: string[], change?: (spec: RuntimeSpec) => void, more: Partial<TaskRequest> = {}) {
    const { runtime } = await opened;
    const made = request(randomId(), args, change);
    const task = await runtime.create({ ...made, ...more }, new AbortController().signal);
    tasks.push(task);
    return task;
  }

  /** Runs a command to its end: what it wrote, and how it ended. */
  async function run(args: string[], change?: (spec: RuntimeSpec) => void, more: Partial<TaskRequest> = {}) {
    const task = await create(args, change, more);
    const stdio = await task.attach({ stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS });
    await task.start();
    const text = await drain(stdio);
    return { task, text, exit: await task.exited };
  }

  /** Both streams in one, so that their order is the script's. */
  const sh = (script: string, change?: (spec: RuntimeSpec) => void) =>
    run(["sh", "-c", `exec 2>&1; ${script}`], change);

  /** A container that stays until it is killed, once its command has said that it is there. */
  async function running(script = "", change?: (spec: RuntimeSpec) => void): Promise<Task> {
    const task = await create(["sh", "-c", `${script} echo up; exec sleep 100000`], change);
    const stdio = await task.attach({ stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS });
    await task.start();
    expect(await firstLine(stdio)).toBe("up");
    await stdio[Symbol.asyncDispose]();
    return task;
  }

  function execOf(args: string[], change: Partial<ExecRequest["process"]> = {}): ExecRequest {
    const { process } = containerSpec("x", args);
    return {
      execId: randomId(),
      process: { ...process, ...change },
      privileged: false,
      stdin: false,
      stdout: true,
      stderr: true,
      detachKeys: NO_KEYS,
    };
  }

  async function exec(task: Task, args: string[], change?: Partial<ExecRequest["process"]>) {
    const started = await task.exec(execOf(args, change));
    const text = started.stdio === undefined ? "" : await drain(started.stdio);
    return { text, code: await started.exited };
  }

  async function failure(work: Promise<unknown>): Promise<LaunchError> {
    const error = await rejectionOf(work);
    if (error instanceof LaunchError) return error;
    throw error;
  }

  test(
    "has Docker's identity, capabilities and filter, in run and in exec",
    async () => {
      const command = ["grep", "-E", "^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Sig(Blk|Ign))", "/proc/self/status"];
      const expected = [
        "Uid:\t0\t0\t0\t0",
        "Groups:\t0 ",
        "SigBlk:\t0000000000000000",
        "SigIgn:\t0000000000000000",
        "CapInh:\t0000000000000000",
        "CapPrm:\t00000000a80425fb",
        "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t0",
        "Seccomp:\t2",
        "",
      ].join("\n");
      expect((await run(command)).text).toBe(expected);
      const task = await running();
      expect((await exec(task, command)).text).toBe(expected);
    },
    LIMIT,
  );

  test(
    "runs as a user with its groups, without capabilities",
    async () => {
      const asUser = (spec: RuntimeSpec) => {
        spec.process.user = { uid: 1000, gid: 1000, additionalGids: [1000, 7] };
        spec.process.noNewPrivileges = true;
        spec.process.capabilities = { ...spec.process.capabilities, effective: [], permitted: [] };
      };
      const { text } = await sh(
        "id -u; id -g; grep -E '^(Groups|CapEff|CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status",
        asUser,
      );
      expect(text).toBe(
        "1000\n1000\nGroups:\t7 1000 \nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n",
      );
    },
    LIMIT,
  );

  test(
    "has its environment, names, descriptors 0 to 2 and nothing of the host",
    async () => {
      const { text } = await sh("hostname; echo $HOME; pwd; cat /proc/1/oom_score_adj");
      const [hostname, ...rest] = text.split("\n");
      expect(hostname).toMatch(/^[0-9a-f]{12}$/);
      expect(rest).toEqual(["/root", "/", "0", ""]);
      // 3 is the directory that ls reads.
      expect((await run(["ls", "/proc/self/fd"])).text).toBe("0\n1\n2\n3\n");
      const task = await running();
      expect((await exec(task, ["ls", "/proc/self/fd"])).text).toBe("0\n1\n2\n3\n");
    },
    LIMIT,
  );

  test(
    "sees masked paths empty and others read-only",
    async () => {
      const { text } = await sh(
        "cat /proc/keys /proc/timer_list 2>/dev/null | wc -c; " +
          "for d in /sys/firmware /proc/acpi; do [ -d $d ] && ls $d; done | wc -w; " +
          "echo 1 > /proc/sys/kernel/shmmax; touch /sys/x; mount -t tmpfs x /tmp; exit 0",
      );
      expect(text.split("\n").slice(0, 2)).toEqual(["0", "0"]);
      expect(text).toContain("can't create /proc/sys/kernel/shmmax: Read-only file system");
      expect(text).toContain("touch: /sys/x: Read-only file system");
      expect(text).toContain("mount: permission denied");
    },
    LIMIT,
  );

  test(
    "leaves the host's mount table and cgroups as they were",
    async () => {
      const task = await running();
      expect(mountTable()).not.toContain(image.directory);
      expect(cgroupsOf(task.id)).not.toEqual([]);
      await task.release();
      await task.release();
      expect(cgroupsOf(task.id)).toEqual([]);
      expect(await task.resume().then(() => "nothing to thaw", String)).toBe("nothing to thaw");
      expect(mountTable()).not.toContain(image.directory);
    },
    LIMIT,
  );

  test.each([
    ["exit 0", 0],
    ["exit 7", 7],
    ["trap 'exit 5' TERM; kill -15 $$", 5],
  ])(
    "ends: %s gives %d",
    async (script, code) => {
      const { exit, task } = await sh(script);
      expect(exit).toMatchObject({ code, oomKilled: false, supervisorLost: false });
      expect(exit.at).toBeGreaterThan(0n);
      expect(task.pid).toBe(0);
    },
    LIMIT,
  );

  test(
    "is killed by a signal, alone and with all its processes",
    async () => {
      const one = await running();
      await one.kill(9);
      expect((await one.exited).code).toBe(137);
      const all = await running("sleep 100000 & ");
      expect((await all.pids()).length).toBe(2);
      await all.kill(9, { all: true });
      expect((await all.exited).code).toBe(137);
      expect(await all.pids()).toEqual([]);
    },
    LIMIT,
  );

  test.each([
    [["nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'],
    [["/nosuch"], 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
    [["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'],
    [["/etc"], 126, 'exec: "/etc": is a directory: permission denied'],
  ])(
    "refuses the command %p with %d, in run and in exec",
    async (args, exitCode, text) => {
      const { runtime } = await opened;
      const made = request(randomId(), args);
      const error = await failure(runtime.create(made, new AbortController().signal));
      expect(error.message).toBe(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: " +
          `runc create failed: unable to start container process: error during container init: ${text}`,
      );
      expect(error).toMatchObject({ exitCode, kind: "invalid" });
      expect(cgroupsOf(made.id)).toEqual([]);
      expect(existsSync(join(execRoot, "tasks", made.id.slice(0, 32)))).toBe(false);
      const task = await running();
      const refused = await failure(task.exec(execOf(args)));
      expect(refused.message).toBe(`OCI runtime exec failed: exec failed: unable to start container process: ${text}`);
      expect(refused.exitCode).toBe(exitCode as 126 | 127); // the table's
    },
    LIMIT,
  );

  test(
    "makes its working directory, but never leaves its root by it",
    async () => {
      const { text } = await sh("pwd; ls -ld .", (spec) => (spec.process.cwd = "/made/deep"));
      expect(text).toMatch(/^\/made\/deep\ndrwxr-xr-x +2 root +root/);
      for (const cwd of ["/proc/self/fd/3", "/proc/self/fd/7/.."]) {
        const error = await failure(create(["pwd"], (spec) => (spec.process.cwd = cwd)));
        expect(error.message).toContain(`mkdir ${cwd}: `);
        const task = await running();
        const refused = await failure(task.exec(execOf(["pwd"], { cwd })));
        expect(refused.message).toContain(`chdir to cwd ("${cwd}") set in config.json failed: `);
      }
    },
    LIMIT,
  );

  test(
    "binds files and directories, read-only ones too, and follows no link of the image out of its root",
    async () => {
      const source = join(image.directory, "source");
      mkdirSync(join(source, "sub"), { recursive: true });
      writeFileSync(join(source, "file"), "from the host");
      const lower = join(image.directory, "links");
      mkdirSync(lower);
      symlinkSync("/etc", join(lower, "link"));
      const rootfs = image.rootfs();
      if (rootfs.type === "overlay") rootfs.lower.unshift(lower);
      const { text } = await run(
        ["sh", "-c", "exec 2>&1; cat /data/file /one; touch /data/x; touch /ro/x; ls /etc/host; exit 0"],
        (spec) =>
          spec.mounts.push(
            { destination: "/data", type: "bind", source, options: ["rbind", "rprivate"] },
            { destination: "/ro", type: "bind", source, options: ["rbind", "ro", "rprivate"] },
            { destination: "/one", type: "bind", source: join(source, "file"), options: ["rbind", "rprivate"] },
            { destination: "/link/host", type: "bind", source, options: ["rbind", "rprivate"] },
          ),
        { rootfs },
      );
      expect(text).toBe("from the hostfrom the hosttouch: /ro/x: Read-only file system\nfile\nsub\nx\n");
      expect(existsSync("/etc/host")).toBe(false);
      const wrong = await failure(
        create(["true"], (spec) =>
          spec.mounts.push({ destination: "/etc/passwd", type: "bind", source, options: ["rbind"] }),
        ),
      );
      const hidden = await failure(
        create(["true"], (spec) =>
          spec.mounts.push({ destination: "/etc/passwd", type: "tmpfs", source: "tmpfs", options: [] }),
        ),
      );
      for (const error of [wrong, hidden]) {
        expect(error).toMatchObject({ exitCode: 127, kind: "invalid" });
        expect(error.message).toContain("not a directory: Are you trying to mount a directory onto a file");
      }
    },
    LIMIT,
  );

  test(
    "mounts nothing over its /proc, whatever link of the image leads there",
    async () => {
      const lower = join(image.directory, "proc-links");
      mkdirSync(lower);
      symlinkSync("/proc", join(lower, "innocent"));
      const rootfs = image.rootfs();
      if (rootfs.type === "overlay") rootfs.lower.unshift(lower);
      for (const destination of ["/innocent/sys", "/proc/self/attr"]) {
        const error = await failure(
          create(["true"], (spec) => spec.mounts.push({ destination, type: "tmpfs", source: "tmpfs", options: [] }), {
            rootfs,
          }),
        );
        expect(error.message).toContain(`"${destination}" cannot be mounted because it is inside /proc`);
      }
    },
    LIMIT,
  );

  test(
    "sees its own cgroups as the root when it has a cgroup namespace",
    async () => {
      const { text } = await sh("cat /proc/self/cgroup | cut -d: -f3 | sort -u; ls /sys/fs/cgroup/ | head -1", (spec) =>
        spec.linux.namespaces.push({ type: "cgroup" }),
      );
      expect(text.split("\n")[0]).toBe("/");
      expect(text.split("\n")[1]).not.toBe("");
    },
    LIMIT,
  );

  test(
    "binds a directory beneath another one and no further",
    async () => {
      const volume = join(image.directory, "volume");
      mkdirSync(join(volume, "sub"), { recursive: true });
      writeFileSync(join(volume, "sub/file"), "inside");
      symlinkSync("/etc", join(volume, "out"));
      const bind = (name: string) => (spec: RuntimeSpec) =>
        spec.mounts.push({
          destination: "/data",
          type: "bind",
          source: join(volume, name),
          options: ["rbind"],
          beneath: volume,
        });
      expect((await sh("cat /data/file", bind("sub"))).text).toBe("inside");
      expect((await failure(create(["true"], bind("out")))).message).toContain("no such file or directory");
    },
    LIMIT,
  );

  test(
    "can be killed and released while it is paused",
    async () => {
      const killed = await running();
      await killed.pause();
      await killed.kill(9);
      expect((await killed.exited).code).toBe(137);
      const released = await running();
      await released.pause();
      await released.release();
      expect((await released.exited).code).toBe(137);
      expect(cgroupsOf(released.id)).toEqual([]);
    },
    LIMIT,
  );

  test(
    "has a read-only root when asked, and a tmpfs that takes on the mode of what it covers",
    async () => {
      const { text } = await sh("touch /x; touch /tmp/x && stat -c %a /tmp /fresh; exit 0", (spec) => {
        spec.root.readonly = true;
        spec.mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["noexec"] });
        spec.mounts.push({ destination: "/fresh", type: "tmpfs", source: "tmpfs", options: ["noexec"] });
      });
      expect(text).toBe("touch: /x: Read-only file system\n755\n1777\n");
    },
    LIMIT,
  );

  test(
    "has limits that cannot be raised beyond the daemon's",
    async () => {
      const { text } = await sh("ulimit -n; ulimit -c", (spec) => {
        spec.process.rlimits = [
          { type: "RLIMIT_NOFILE", soft: 64, hard: 128 },
          { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        ];
      });
      expect(text).toBe("64\n0\n");
    },
    LIMIT,
  );

  test(
    "answers on stdin, and has a terminal with a size",
    async () => {
      const task = await create(["cat"], undefined, { stdin: { open: true, once: true } });
      const stdio = await task.attach({ stdin: true, stdout: true, stderr: true, detachKeys: NO_KEYS });
      await task.start();
      await stdio.write(Buffer.from("hello"));
      await stdio.closeInput();
      expect(await drain(stdio)).toBe("hello");
      expect((await task.exited).code).toBe(0);

      const terminal = await run(["sh", "-c", "tty; stty size; ls -l /dev/console"], (spec) => {
        spec.process.terminal = true;
        spec.process.consoleSize = { height: 33, width: 77 };
      });
      expect(terminal.text).toContain("/dev/pts/0\r\n33 77\r\n");
      expect(terminal.text).toMatch(/crw--w---- +1 root/);
    },
    LIMIT,
  );

  test(
    "runs further commands in all its namespaces and its cgroup",
    async () => {
      const task = await running();
      const script = "for n in pid net mnt ipc uts; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup";
      const inside = await exec(task, ["sh", "-c", script]);
      const init = await exec(task, ["sh", "-c", script.replaceAll("/proc/self/", "/proc/1/")]);
      expect(inside.text).toBe(init.text);
      const cgroupLines = inside.text.trim().split("\n").slice(5);
      expect(cgroupLines.filter((line) => !line.endsWith(`${parent}/${task.id}`))).toEqual([]);
      expect((await exec(task, ["sh", "-c", "exit 9"])).code).toBe(9);
      const missing = await failure(task.exec(execOf(["true"], { cwd: "/nosuch" })));
      expect(missing.message).toBe(
        'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/nosuch") set in config.json failed: no such file or directory',
      );
      await task.kill(9);
      await task.exited;
      expect(await reasonOf(task.exec(execOf(["true"])))).toContain("is not running");
    },
    LIMIT,
  );

  test(
    "is paused and goes on, tells its use, takes new limits",
    async () => {
      const { cgroups } = await opened;
      const task = await running("", (spec) => (spec.linux.resources.pids = { limit: 33 }));
      await task.pause();
      const paused = await task.stats();
      await task.resume();
      expect((await exec(task, ["echo", "on"])).text).toBe("on\n");
      if (!cgroups.pidsLimit || !cgroups.memoryLimit) {
        console.log("skipped: this host's cgroups have no pids or memory controller");
        return;
      }
      expect(paused.pids).toEqual({ current: 1, limit: 33 });
      expect(paused.memory.usage).toBeGreaterThan(0);
      expect(paused.cpu.totalNanos).toBeGreaterThan(0);
      await task.update({ devices: [], memory: { limit: 64 << 20 }, pids: { limit: 44 } });
      const updated = await task.stats();
      expect([updated.memory.limit, updated.pids.limit]).toEqual([64 << 20, 44]);
      expect(await reasonOf(task.update({ devices: [], cpu: { cpus: "4096" } }))).toContain('failed to write "4096"');
    },
    LIMIT,
  );

  test(
    "is flagged when the kernel killed it for want of memory",
    async () => {
      const { cgroups } = await opened;
      if (!cgroups.memoryLimit) {
        console.log("skipped: this host's cgroups have no memory controller");
        return;
      }
      const { exit } = await run(["tail", "/dev/zero"], (spec) => {
        spec.linux.resources.memory = { limit: 16 << 20, ...(cgroups.swapLimit && { swap: 16 << 20 }) };
      });
      expect(exit).toMatchObject({ code: 137, oomKilled: true, supervisorLost: false });
    },
    LIMIT,
  );

  test(
    "keeps to its device rules",
    async () => {
      const { text } = await sh(
        "mknod /tmp/sda b 254 0 && cat /tmp/sda; mknod /tmp/null c 1 3 && echo x > /tmp/null && echo fine",
      );
      expect(text).toContain("cat: can't open '/tmp/sda': Operation not permitted");
      expect(text).toContain("fine");
    },
    LIMIT,
  );

  test(
    "is found again by the next daemon, running or ended",
    async () => {
      const { runtime: first } = await open(silentLogger);
      const made = request(randomId(), ["sh", "-c", "echo up; read line; exit 4"]);
      made.stdin = { open: true, once: false };
      const task = await first.create(made, new AbortController().signal);
      await task.start();
      first.disconnect();

      const { runtime: second } = await open(silentLogger);
      const found = await second.recover(made.id);
      if (found === undefined) throw new Error("the task was not found");
      expect(found.pid).toBe(task.pid);
      const stdio = await found.attach({ stdin: true, stdout: true, stderr: true, detachKeys: NO_KEYS });
      expect((await exec(found, ["echo", "again"])).text).toBe("again\n");
      await stdio.write(Buffer.from("go\n"));
      expect((await found.exited).code).toBe(4);
      second.disconnect();

      const { runtime: third } = await open(silentLogger);
      const ended = await third.recover(made.id);
      expect(await ended?.exited).toMatchObject({ code: 4, supervisorLost: false });
      await third.sweep(new Set([made.id]));
      expect(existsSync(join(execRoot, "tasks", made.id.slice(0, 32)))).toBe(true);
      await ended?.release();
      expect(await third.recover(made.id)).toBeUndefined();
    },
    LIMIT,
  );

  test(
    "ends when its supervisor is killed, now or while no daemon was there",
    async () => {
      const lines: string[] = [];
      const logger = createLogger({ level: "warn", format: "text", write: (line) => lines.push(line) });
      const { runtime } = await open(logger);
      const signal = new AbortController().signal;
      const made = request(randomId(), ["sleep", "100000"]);
      const task = await runtime.create(made, signal);
      await task.start();
      process.kill(parentOf(task.pid), "SIGKILL");
      expect(await task.exited).toMatchObject({ code: 137, supervisorLost: true });
      expect(await task.pids()).toEqual([]);
      expect(lines.join()).toContain(`lost the supervisor of container ${made.id}`);
      await task.release();
      expect(cgroupsOf(made.id)).toEqual([]);

      const other = request(randomId(), ["sleep", "100000"]);
      const orphan = await runtime.create(other, signal);
      await orphan.start();
      const shim = parentOf(orphan.pid);
      runtime.disconnect();
      process.kill(shim, "SIGKILL");
      const { runtime: next } = await open(silentLogger);
      const recovered = await next.recover(other.id);
      expect(await recovered?.exited).toMatchObject({ code: 137, supervisorLost: true });
      await recovered?.release();
      expect(cgroupsOf(other.id)).toEqual([]);
    },
    LIMIT,
  );

  test(
    "is swept away when nobody knows it",
    async () => {
      const { runtime } = await open(silentLogger);
      const made = request(randomId(), ["sleep", "100000"]);
      const task = await runtime.create(made, new AbortController().signal);
      await task.start();
      const { pid } = task;
      runtime.disconnect();
      const { runtime: next } = await open(silentLogger);
      await next.sweep(new Set());
      expect(cgroupsOf(made.id)).toEqual([]);
      expect(isAlive(pid)).toBe(false);
      expect(await next.recover(made.id)).toBeUndefined();
    },
    LIMIT,
  );

  test(
    "is undone when the caller goes away, and refuses to be made twice",
    async () => {
      const { runtime } = await opened;
      const made = request(randomId(), ["true"]);
      const gone = new AbortController();
      gone.abort();
      expect(await reasonOf(runtime.create(made, gone.signal))).toContain("context canceled");
      expect(existsSync(join(execRoot, "tasks", made.id.slice(0, 32)))).toBe(false);
      const task = await runtime.create(made, new AbortController().signal);
      tasks.push(task);
      expect(
        await reasonOf(runtime.create({ ...made, rootfs: image.rootfs() }, new AbortController().signal)),
      ).toContain("has not been released yet");
      expect(await reasonOf(runtime.create({ ...made, runtime: "nosuch" }, new AbortController().signal))).toContain(
        "unknown or invalid runtime name: nosuch",
      );
    },
    LIMIT,
  );

  test(
    "knows an exec's exit code when its output has ended",
    async () => {
      const task = await running();
      for (let code = 1; code <= 20; code++) {
        const started = await task.exec(execOf(["sh", "-c", `echo out; exit ${code}`]));
        let known: number | undefined;
        void started.exited.then((exit) => (known = exit));
        // As a client without stdin does at once: it must not cost the last words.
        void started.stdio?.closeInput();
        expect(started.stdio === undefined ? "" : await drain(started.stdio)).toBe("out\n");
        expect(known).toBe(code);
      }
    },
    LIMIT,
  );

  test(
    "shares the /dev/shm of another one",
    async () => {
      const first = await running("echo shared > /dev/shm/file;");
      const { text } = await sh("cat /dev/shm/file", (spec) => {
        spec.mounts = spec.mounts.filter(({ destination }) => destination !== "/dev/shm");
        const source = `/proc/${first.pid}/root/dev/shm`;
        spec.mounts.push({ destination: "/dev/shm", type: "bind", source, options: ["rbind", "rprivate"] });
      });
      expect(text).toBe("shared\n");
    },
    LIMIT,
  );

  test(
    "shares the namespaces of another one",
    async () => {
      const first = await running();
      const { text } = await sh(
        "ps -o pid,args | grep -v ps | grep -c sleep; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname",
        (spec) => {
          spec.linux.namespaces = [
            { type: "mount" },
            { type: "uts" },
            { type: "ipc", path: first.namespacePath("ipc") },
            { type: "network", path: first.namespacePath("net") },
            { type: "pid", path: first.namespacePath("pid") },
          ];
          spec.linux.sysctl = {};
        },
      );
      const [sleeping, port] = text.split("\n");
      expect(Number(sleeping)).toBeGreaterThan(0);
      expect(port).toBe("0");
    },
    LIMIT,
  );
});

const mountTable = () => readFileSync("/proc/self/mountinfo", "utf8");

function parentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]);
}

/** A zombie that nobody has reaped yet is not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Directories of cgroups with this container's id in their name. */
function cgroupsOf(id: string): string[] {
  return hierarchies().flatMap((root) => {
    const parents = safeList(root).filter((name) => name.startsWith("berth-test-"));
    return parents.flatMap((name) => safeList(join(root, name)).filter((child) => child === id));
  });
}

function hierarchies(): string[] {
  const root = "/sys/fs/cgroup";
  return existsSync(join(root, "cgroup.procs")) ? [root] : safeList(root).map((name) => join(root, name));
}

function safeList(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (messageOf(error).startsWith("EN")) return [];
    throw error;
  }
}

function removeParents(path: string): void {
  for (const root of hierarchies()) if (existsSync(join(root, path))) rmdirSync(join(root, path));
}
