import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { encodePlan, NO_SLOT, type PlanOp } from "../plan/index.ts";
import { loadNative } from "../../sys/index.ts";
import { failureOf, collect, missing, shimBinary, until, alive, World } from "./fixture.ts";
import { overlayNeedsMount2 } from "./overlay-support.ts";
import { Shim } from "./shim.ts";

const reason = missing();
if (reason !== undefined) console.warn(`skipped: operations on mounts (${reason})`);

const TIMEOUT = 60_000;
const RDONLY = 1;
const CLONE = 1;

describe.skipIf(reason !== undefined)("operations on mounts", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  const scratch = () => mkdtemp(join(world.directory, "files-"));
  const sh = (script: string, before: readonly PlanOp[] = []) => world.run({ argv: ["sh", "-c", script], before });

  /** Runs a script on a root that these operations have put into slot 0. */
  async function onRoot(root: readonly PlanOp[], script: string, byMount2: boolean): Promise<string> {
    const directory = await world.runDirectory();
    const overlayByMount2 = byMount2 || (await overlayNeedsMount2(loadNative()));
    const shim = await Shim.launch({ binary: shimBinary(), overlayByMount2 }, directory);
    const ops = world.ops({ argv: ["sh", "-c", script] });
    const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
    try {
      await shim.create({ ...options, plan: encodePlan([...root, ...ops.slice(1)]) });
      const stdio = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await shim.start();
      const { stdout, stderr } = await collect(stdio);
      await shim.waitExit();
      return stdout + stderr;
    } finally {
      await shim.shutdown();
      await until("the shim to end", () => !alive(shim.pid));
    }
  }

  test.each([
    ["as the kernel has it", false],
    ["by mount(2)", true],
  ])(
    "overlay %s: layers, an upper directory, long paths",
    async (_what, byMount2) => {
      const base = join(await scratch(), "d".repeat(200));
      const layers = ["low", "middle", "upper", "work"].map((name) => join(base, `${name}-${"x".repeat(100)}`));
      for (const layer of layers) mkdirSync(layer, { recursive: true });
      const [low = "", middle = "", upper = "", work = ""] = layers;
      writeFileSync(join(low, "a"), "low a");
      writeFileSync(join(low, "b"), "low b");
      writeFileSync(join(middle, "a"), "middle a");
      const root: PlanOp = {
        op: "overlay",
        slot: 0,
        lower: [middle, low, world.rootfs],
        upper,
        work,
        options: [],
        attrs: 0,
      };
      expect(await onRoot([root], "cat /a; cat /b; echo new >/c", byMount2)).toBe("middle alow b");
      expect(readFileSync(join(upper, "c"), "utf8")).toBe("new\n");
      const readOnly: PlanOp = { ...root, upper: "", work: "", attrs: RDONLY };
      expect(await onRoot([readOnly], "cat /a; echo x >/c", byMount2)).toContain("Read-only file system");
      if (byMount2) return;
      // A layer from a slot.
      const slot: PlanOp = { op: "open_tree", slot: 9, root: "", path: middle, flags: 0 };
      const fromSlot: PlanOp = { ...root, lower: ["@9", low, world.rootfs] };
      expect(await onRoot([slot, fromSlot], "cat /a", byMount2)).toBe("middle a");
    },
    TIMEOUT,
  );

  test(
    "one layer alone is a clone of its directory",
    async () => {
      const root: PlanOp = {
        op: "overlay",
        slot: 0,
        lower: [world.rootfs],
        upper: "",
        work: "",
        options: [],
        attrs: RDONLY,
      };
      expect(await onRoot([root], "echo x >/c", false)).toContain("Read-only file system");
    },
    TIMEOUT,
  );

  test(
    "nothing of a container stands in the host's mount table",
    async () => {
      const { shim } = await world.container({ argv: ["sleep", "1000"] });
      await shim.start();
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(world.directory);
      await shim.kill(9);
    },
    TIMEOUT,
  );

  test(
    "binds are made where they are asked for, as files and directories",
    async () => {
      const files = await scratch();
      writeFileSync(join(files, "text"), "bound\n");
      const shim = await world.shim();
      const ops = world.ops({ argv: ["sh", "-c", "cat /etc/some/text; ls /mnt/deep/dir; echo x >/mnt/deep/dir/text"] });
      const sources: PlanOp[] = [
        { op: "open_tree", slot: 10, root: "", path: join(files, "text"), flags: CLONE },
        { op: "open_tree", slot: 11, root: world.directory, path: files.slice(world.directory.length), flags: CLONE },
        { op: "mount_setattr", slot: 11, set: RDONLY, clear: 0, propagation: 0, recursive: 1, userns: NO_SLOT },
      ];
      const targets: PlanOp[] = [
        { op: "move_mount", slot: 10, target: "/etc/some/text", create: 2 },
        { op: "move_mount", slot: 11, target: "/mnt/deep/dir", create: 1 },
      ];
      const pivot = ops.findIndex(({ op }) => op === "pivot_root");
      const plan = encodePlan([...sources, ...ops.slice(0, pivot), ...targets, ...ops.slice(pivot)]);
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      await shim.create({ ...options, plan });
      const stdio = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await shim.start();
      const output = await collect(stdio);
      expect(output.stdout).toBe("bound\ntext\n");
      expect(output.stderr).toContain("Read-only file system");
    },
    TIMEOUT,
  );

  test(
    "targets stay beneath the root, whatever links an image has",
    async () => {
      const outside = await scratch();
      for (const [name, target] of [
        ["up", `${"../".repeat(40)}${outside.slice(1)}`],
        ["absolute", outside],
        ["loop", "loop"],
        ["magic", `/proc/${process.pid}/root${outside}`],
      ] as const) {
        symlinkSync(target, join(world.rootfs, name));
      }
      const made = await sh("ls -d /canary", [
        { op: "make_dir", path: "/up/made", mode: 0o755, uid: 0, gid: 0 },
        { op: "make_dir", path: "/absolute/made/deep", mode: 0o755, uid: 0, gid: 0 },
        { op: "symlink", target: "anything", path: "/absolute/link" },
        { op: "mknod", path: "/up/node", mode: 0o20666, major: 1, minor: 3, uid: 0, gid: 0 },
      ]);
      expect(made.exit.code).not.toBe(0);
      expect(readdirSync(outside)).toEqual([]);
      // It went to the place that the link names in the container.
      expect(readdirSync(join(world.rootfs, outside)).sort()).toEqual(["link", "made", "node"]);
      for (const [path, errno] of [
        ["/loop/made", "ELOOP"],
        ["/plainfile/made", "ENOTDIR"],
      ] as const) {
        writeFileSync(join(world.rootfs, "plainfile"), "");
        expect(await failureOf(sh("true", [{ op: "make_dir", path, mode: 0o755, uid: 0, gid: 0 }]))).toMatchObject({
          op: "make_dir",
          errno,
        });
      }
    },
    TIMEOUT,
  );

  test(
    "masked files are empty, masked directories too, what is missing is passed over",
    async () => {
      const { stdout, stderr } = await sh("cat /proc/version; ls /proc/irq /proc/driver | wc -l; : >/proc/irq/x", [
        { op: "mask_path", path: "/proc/version" },
        { op: "mask_path", path: "/proc/irq" },
        { op: "mask_path", path: "/proc/driver" },
        { op: "mask_path", path: "/proc/not/there" },
      ]);
      expect(stdout).toMatch(/^\d+\n$/);
      expect(Number(stdout)).toBeLessThanOrEqual(3); // two titles and an empty line between
      expect(stderr).toContain("Read-only file system");
    },
    TIMEOUT,
  );

  test(
    "a false /dev/null masks nothing and stops the launch",
    async () => {
      expect(
        await failureOf(
          sh("true", [
            { op: "mknod", path: "/dev/null", mode: 0o20666, major: 1, minor: 5, uid: 0, gid: 0 },
            { op: "mask_path", path: "/proc/version" },
          ]),
        ),
      ).toMatchObject({ op: "mask_path", errno: "ENODEV" });
    },
    TIMEOUT,
  );

  test(
    "read-only paths and a read-only root",
    async () => {
      const { stderr } = await sh("echo 1 >/proc/sys/kernel/domainname; echo x >/x; echo x >/dev/x && echo fine", [
        { op: "readonly_path", path: "/proc/sys" },
        { op: "readonly_path", path: "/proc/not-there" },
        { op: "root_setattr", set: RDONLY, clear: 0, propagation: 0 },
      ]);
      expect(stderr.match(/Read-only file system/g)?.length).toBe(2);
    },
    TIMEOUT,
  );

  test(
    "sysctls and names are the container's own",
    async () => {
      const { stdout } = await sh("hostname; cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax", [
        { op: "hostname", name: "inside" },
        { op: "domainname", name: "example.org" },
        { op: "sysctl", name: "kernel/msgmax", value: "4242" },
      ]);
      expect(stdout).toBe("inside\nexample.org\n4242\n");
    },
    TIMEOUT,
  );

  test(
    "sysctls go to a procfs of their own, whatever stands on /proc",
    async () => {
      const decoy = await scratch();
      mkdirSync(join(decoy, "sys/kernel"), { recursive: true });
      writeFileSync(join(decoy, "sys/kernel/msgmax"), "untouched");
      const shim = await world.shim();
      const ops = world.ops({ argv: ["true"], before: [{ op: "sysctl", name: "kernel/msgmax", value: "4242" }] });
      const pivot = ops.findIndex(({ op }) => op === "pivot_root");
      const plan = encodePlan([
        { op: "open_tree", slot: 10, root: "", path: decoy, flags: CLONE },
        ...ops.slice(0, pivot),
        { op: "move_mount", slot: 10, target: "/proc", create: 4 },
        ...ops.slice(pivot),
      ]);
      await shim.create({ plan, tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined });
      expect(readFileSync(join(decoy, "sys/kernel/msgmax"), "utf8")).toBe("untouched");
    },
    TIMEOUT,
  );

  test(
    "nothing is mounted on procfs, by whatever link, unless the plan says so",
    async () => {
      symlinkSync("proc/sys", join(world.rootfs, "innocent"));
      const tmpfs: PlanOp = { op: "fsmount", slot: 20, fstype: "tmpfs", source: "tmpfs", options: [], attrs: 0 };
      expect(
        await failureOf(sh("true", [tmpfs, { op: "move_mount", slot: 20, target: "/innocent", create: 1 }])),
      ).toMatchObject({ op: "move_mount", errno: "EPERM" });
      const { stdout } = await sh("ls /proc/sys", [
        tmpfs,
        { op: "move_mount", slot: 20, target: "/innocent", create: 4 },
      ]);
      expect(stdout).toBe("");
    },
    TIMEOUT,
  );

  test(
    "files for a tmpfs are there before anything runs",
    async () => {
      const data = Buffer.from("secret");
      const { stdout } = await sh("cat /run/secrets/name; ls -ln /run/secrets/name", [
        { op: "fsmount", slot: 20, fstype: "tmpfs", source: "tmpfs", options: ["mode=755"], attrs: 0 },
        { op: "slot_file", slot: 20, path: "/name", data, mode: 0o440, uid: 7, gid: 8 },
        { op: "move_mount", slot: 20, target: "/run/secrets", create: 1 },
      ]);
      expect(stdout).toMatch(/^secret-r--r-----\s+1 7\s+8\s+6 /);
    },
    TIMEOUT,
  );

  test(
    "a mapped user namespace: root inside, nobody's root outside",
    async () => {
      const shim = await world.shim();
      const ops = world.ops({ argv: ["sh", "-c", "id -u; cat /proc/self/uid_map; cat /plain-owner"] });
      writeFileSync(join(world.rootfs, "plain-owner"), "readable\n");
      const maps = { uidMap: "0 100000 65536\n", gidMap: "0 100000 65536\n" };
      const user: PlanOp[] = [
        { op: "unshare", flags: 0x10000000 },
        { op: "sync_maps", ...maps, denySetgroups: 0 },
      ];
      // Devices cannot be made by a mapped root: they are bound.
      const inside = ops.filter(({ op }) => op !== "mknod");
      const dev = inside.findIndex((op) => op.op === "move_mount" && op.target === "/dev");
      const withNull: PlanOp[] = [
        { op: "open_tree", slot: 30, root: "", path: "/dev/null", flags: CLONE },
        ...inside.slice(0, 1),
        ...user,
        ...inside.slice(1, dev + 1),
        { op: "move_mount", slot: 30, target: "/dev/null", create: 2 },
        ...inside.slice(dev + 1),
      ];
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      const pid = await shim.create({ ...options, plan: encodePlan(withNull) });
      const stdio = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Uid:\t100000\t100000\t100000/m);
      await shim.start();
      const { stdout } = await collect(stdio);
      expect(stdout.replace(/ +/g, " ")).toBe("0\n 0 100000 65536\nreadable\n");
    },
    TIMEOUT,
  );

  test(
    "an idmapped mount shows its owners shifted",
    async () => {
      const files = await scratch();
      writeFileSync(join(files, "text"), "");
      const shim = await world.shim();
      const ops = world.ops({ argv: ["ls", "-ln", "/mnt"] });
      const pivot = ops.findIndex(({ op }) => op === "pivot_root");
      const sources: PlanOp[] = [
        { op: "new_userns", slot: 11, uidMap: "0 5000 10\n", gidMap: "0 6000 10\n" },
        { op: "open_tree", slot: 10, root: "", path: files, flags: CLONE },
        { op: "mount_setattr", slot: 10, set: 0x100000, clear: 0, propagation: 0, recursive: 0, userns: 11 },
      ];
      const plan = encodePlan([
        ...sources,
        ...ops.slice(0, pivot),
        { op: "move_mount", slot: 10, target: "/mnt", create: 1 },
        ...ops.slice(pivot),
      ]);
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      const failed = await shim.create({ ...options, plan }).catch((error: unknown) => error);
      if (typeof failed !== "number") {
        expect(failed).toMatchObject({ op: "mount_setattr", errno: "EINVAL" });
        console.warn("skipped: this file system has no idmapped mounts");
        return;
      }
      const stdio = await shim.attach({ stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array() });
      await shim.start();
      expect((await collect(stdio)).stdout).toMatch(/ 5000\s+6000\s+0 .* text\n/);
    },
    TIMEOUT,
  );
});

describe.skipIf(reason !== undefined)("operations on the process", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  /** Lines of the process's own /proc/self/status, in its order. */
  const status = async (names: readonly string[], before: readonly PlanOp[]) => {
    // No shell: it has its own mind about signals.
    const { stdout } = await world.run({ argv: ["cat", "/proc/self/status"], before });
    return stdout
      .split("\n")
      .filter((line) => names.some((name) => line.startsWith(`${name}:`)))
      .map((line) => line.trim().replace(/\s+/g, " "));
  };

  test(
    "user, groups and capabilities are as asked for",
    async () => {
      const keep = 0x400n; // CAP_NET_BIND_SERVICE
      const lines = await status(
        ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"],
        [
          { op: "bounding", keep },
          { op: "keep_caps", on: 1 },
          { op: "setgroups", gids: [30, 40] },
          { op: "setgid", gid: 20 },
          { op: "setuid", uid: 10 },
          { op: "keep_caps", on: 0 },
          { op: "capset", effective: keep, permitted: keep, inheritable: keep },
          { op: "ambient", mask: keep },
          { op: "no_new_privs" },
        ],
      );
      const cap = "0000000000000400";
      expect(lines).toEqual([
        "Uid: 10 10 10 10",
        "Gid: 20 20 20 20",
        "Groups: 30 40",
        `CapInh: ${cap}`,
        `CapPrm: ${cap}`,
        `CapEff: ${cap}`,
        `CapBnd: ${cap}`,
        `CapAmb: ${cap}`,
        "NoNewPrivs: 1",
      ]);
    },
    TIMEOUT,
  );

  test(
    "signals are as the kernel starts them",
    async () => {
      expect(await status(["SigBlk", "SigIgn"], [])).toEqual(["SigBlk: 0000000000000000", "SigIgn: 0000000000000000"]);
    },
    TIMEOUT,
  );

  test(
    "a seccomp filter is in force",
    async () => {
      // if (nr == mkdir or mkdirat) return ERRNO(ENOSPC) else ALLOW, for this architecture's numbers.
      const numbers = process.arch === "x64" ? [83, 258] : [34, 34];
      const filter: Array<[code: number, jt: number, jf: number, k: number]> = [
        [0x20, 0, 0, 0],
        [0x15, 1, 0, numbers[0] ?? 0],
        [0x15, 0, 1, numbers[1] ?? 0],
        [0x06, 0, 0, 0x0005_001c],
        [0x06, 0, 0, 0x7fff_0000],
      ];
      const program = Buffer.alloc(filter.length * 8);
      filter.forEach(([code, jt, jf, k], i) => {
        program.writeUInt16LE(code, i * 8);
        program.writeUInt8(jt, i * 8 + 2);
        program.writeUInt8(jf, i * 8 + 3);
        program.writeUInt32LE(k, i * 8 + 4);
      });
      const { stderr } = await world.run({
        argv: ["busybox", "mkdir", "/filtered"],
        before: [{ op: "no_new_privs" }, { op: "seccomp", program, flags: 0 }],
      });
      expect(stderr).toContain("No space left on device");
      expect(
        await failureOf(
          world.run({ argv: ["true"], before: [{ op: "seccomp", program: program.subarray(0, 12), flags: 0 }] }),
        ),
      ).toMatchObject({ op: "seccomp", errno: "EINVAL" });
    },
    TIMEOUT,
  );

  test(
    "a keyring, a personality and a session of its own",
    async () => {
      const { stdout } = await world.run({
        argv: [
          "sh",
          "-c",
          "cat /proc/self/personality; while read a b c d e f g; do echo $((f == 1)); done </proc/1/stat",
        ],
        before: [
          { op: "keyring", name: "_ses.test", ignore: [1, 38, 122] }, // EPERM, ENOSYS, EDQUOT
          { op: "personality", persona: 8 }, // PER_LINUX32
          { op: "new_session" },
        ],
      });
      expect(stdout).toBe("00000008\n1\n");
    },
    TIMEOUT,
  );

  const cgroup2 = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => existsSync(join(path, "cgroup.procs")));
  if (cgroup2 === undefined) console.warn("skipped: cgroup v2 (it is not mounted)");

  test.skipIf(cgroup2 === undefined).each([
    ["by birth", "spawn_init"],
    ["by the birth of what makes it", "begin_in"],
    ["by itself", "write_file"],
  ])(
    "joins a cgroup v2 %s",
    async (_what, way) => {
      const path = join(cgroup2 ?? "", `berth-shim-test-${process.pid}`);
      const shim = await world.shim();
      const [tree, , ...rest] = world.ops({ argv: ["true"] });
      if (tree === undefined) throw new Error("no plan");
      const joins: Record<string, PlanOp[]> = {
        begin_in: [{ op: "begin_in", cgroup: path }],
        write_file: [
          { op: "write_file", path: join(path, "cgroup.procs"), data: Buffer.from("0"), flags: 0, ignore: [] },
        ],
      };
      mkdirSync(path);
      const plan = encodePlan([
        ...(joins[way] ?? []),
        tree,
        { op: "spawn_init", flags: 0x2c02_0000, cgroup: way === "spawn_init" ? path : "" },
        { op: "unshare", flags: 0x0200_0000 }, // CLONE_NEWCGROUP
        ...rest,
      ]);
      try {
        const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
        const pid = await shim.create({ ...options, plan });
        expect(readFileSync(join(path, "cgroup.procs"), "utf8").trim()).toBe(String(pid));
        await shim.start();
        expect((await shim.waitExit()).code).toBe(0);
      } finally {
        await shim.shutdown().catch(() => undefined);
        await until("the shim to end", () => !alive(shim.pid));
        rmdirSync(path);
      }
    },
    TIMEOUT,
  );

  test(
    "is born in no cgroup that is not there, and says where it should have been",
    async () => {
      const begin: PlanOp = { op: "begin_in", cgroup: "/sys/fs/cgroup/none" };
      const shim = await world.shim();
      const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
      const failure = await failureOf(
        shim.create({ ...options, plan: encodePlan([begin, ...world.ops({ argv: ["true"] })]) }),
      );
      expect(failure).toMatchObject({
        op: "begin_in",
        index: 0,
        errno: "ENOENT",
        detail: "clone into /sys/fs/cgroup/none",
      });
      expect(await failureOf(world.run({ argv: ["true"], before: [begin] }))).toMatchObject({
        op: "begin_in",
        errno: "EINVAL",
      });
      await shim.shutdown().catch(() => undefined);
    },
    TIMEOUT,
  );

  test(
    "files of the host: errors that may be ignored, and those that may not",
    async () => {
      const write = (ignore: number[]): PlanOp => ({
        op: "write_file",
        path: "/proc/self/no-such-file",
        data: Buffer.from("x"),
        flags: 0,
        ignore,
      });
      expect((await world.run({ argv: ["true"], before: [write([2])] })).exit.code).toBe(0);
      expect(await failureOf(world.run({ argv: ["true"], before: [write([13])] }))).toMatchObject({
        op: "write_file",
        errno: "ENOENT",
      });
    },
    TIMEOUT,
  );

  test(
    "limits, umask and oom score",
    async () => {
      const { stdout } = await world.run({
        argv: ["sh", "-c", "ulimit -Sn; ulimit -Hn; umask; cat /proc/self/oom_score_adj"],
        before: [
          { op: "rlimit", resource: 7, soft: 100, hard: 200 },
          { op: "umask", mask: 0o27 },
          { op: "oom_score_adj", value: 500, ignore: [] },
        ],
      });
      expect(stdout).toBe("100\n200\n0027\n500\n");
    },
    TIMEOUT,
  );
});
