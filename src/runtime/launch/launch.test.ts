import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RootfsMount } from "../../snapshot/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { CgroupV1 } from "../cgroups/v1.ts";
import { LaunchError } from "../errors.ts";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import { containerSpec } from "../testing/container-spec.ts";
import { compileCreatePlan, compileExecPlan, planFailure } from "./index.ts";

const ID = "0123456789abcdef".repeat(4);

const cgroups = new CgroupV1({
  v1: [
    { mountpoint: "/cg/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
    { mountpoint: "/cg/memory", controllers: ["memory"] },
    { mountpoint: "/cg/pids", controllers: ["pids"] },
    { mountpoint: "/cg/devices", controllers: ["devices"] },
    { mountpoint: "/cg/systemd", controllers: ["name=systemd"] },
  ],
  unified: "/cg/unified",
});

const overlay: RootfsMount = { type: "overlay", lower: ["/l/2", "/l/1"], upper: "/u/diff", work: "/u/work" };

function compile(change: (spec: RuntimeSpec) => void = () => undefined, rootfs: RootfsMount = overlay): PlanOp[] {
  const spec = containerSpec(ID, ["sh", "-c", "true"], change);
  return compileCreatePlan({ id: ID, spec, rootfs, cgroupPath: `/docker/${ID}` }, cgroups, {
    sources: new Map([
      ["/host/dir", "directory"],
      ["/host/file", "file"],
    ]),
    directoryModes: new Map([["/tmp", 0o1777]]),
    kcore: true,
  });
}

/** One line an operation; programs and bytes by their size or text. */
function print(ops: readonly PlanOp[]): string {
  return `${ops.map(printOp).join("\n")}\n`;
}

function printOp({ op, ...args }: PlanOp): string {
  const values = Object.entries(args).map(([name, value]) => {
    if (value instanceof Uint8Array && op === "seccomp") return `${name}=<filter>`;
    if (value instanceof Uint8Array) return `${name}=${JSON.stringify(new TextDecoder().decode(value))}`;
    if (typeof value === "bigint") return `${name}=0x${value.toString(16)}`;
    return `${name}=${JSON.stringify(value).replaceAll(ID, "<id>")}`;
  });
  return [op, ...values].join(" ");
}

function expectGolden(name: string, text: string): void {
  const file = fileURLToPath(new URL(`golden/${name}`, import.meta.url));
  if (process.env["BERTH_UPDATE_GOLDEN"] !== undefined) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
}

const index = (ops: readonly PlanOp[], name: PlanOp["op"]) => ops.findIndex((op) => op.op === name);

function mapUsers(spec: RuntimeSpec): void {
  spec.linux.namespaces.push({ type: "user" });
  spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
}

describe("the plan", () => {
  test("of Docker's default container", () => {
    const ops = compile();
    expectGolden("default.txt", print(ops));
    expect(encodePlan(ops).length).toBeLessThan(16384);
  });

  test("of a container with most of what can be asked for", () => {
    const ops = compile((spec) => {
      spec.process.terminal = true;
      spec.process.consoleSize = { height: 24, width: 80 };
      spec.process.user = { uid: 1000, gid: 1000, additionalGids: [1000, 5], umask: 0o027 };
      spec.process.noNewPrivileges = true;
      spec.process.apparmorProfile = "docker-default";
      spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 10, hard: -1 }];
      spec.process.cwd = "/work";
      spec.domainname = "example.org";
      spec.root.readonly = true;
      spec.linux.rootfsPropagation = "shared";
      spec.linux.resources.memory = { limit: 1 << 20 };
      spec.linux.devices = [
        { type: "b", path: "/dev/sda", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
        { type: "c", path: "/dev/ptmx", major: 5, minor: 2, fileMode: 0o666, uid: 0, gid: 0 },
      ];
      spec.linux.namespaces = [
        { type: "mount" },
        { type: "uts" },
        { type: "cgroup" },
        { type: "network", path: "/proc/7/ns/net" },
        { type: "pid", path: "/proc/7/ns/pid" },
      ];
      spec.mounts.push(
        { destination: "/data", type: "bind", source: "/host/dir", options: ["rbind", "ro", "rslave"] },
        { destination: "/etc/hosts", type: "bind", source: "/host/file", options: ["rbind", "rprivate"] },
        { destination: "/ro", type: "bind", source: "/host/dir", options: ["rbind", "rro", "nosuid", "noatime"] },
        { destination: "/sub", type: "bind", source: "/host/dir", options: ["bind", "rw"], beneath: "/host" },
        { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["noexec", "size=1m", "rprivate"] },
      );
    });
    expectGolden("full.txt", print(ops));
  });

  test("of a user namespace and a plain directory as root", () => {
    const ops = compile(mapUsers, { type: "bind", source: "/rootfs", readOnly: true });
    expectGolden("userns.txt", print(ops));
  });

  test("of a user namespace over layers takes each through an idmapped mount, as who can write there", () => {
    const ops = compile(mapUsers);
    const root = ops.slice(index(ops, "new_userns"), index(ops, "overlay") + 2);
    expectGolden("userns-layers.txt", print(root));
  });

  test("of another container's user namespace enters it last, and takes an id there", () => {
    const ops = compile((spec) => {
      mapUsers(spec);
      spec.linux.namespaces = [
        { type: "user", path: "/proc/7/ns/user" },
        { type: "network", path: "/proc/7/ns/net" },
      ];
    });
    const names = ops.slice(0, index(ops, "spawn_init")).map(({ op }) => op);
    expect(names.slice(-5)).toEqual(["setns", "setns", "setgroups", "setgid", "setuid"]);
    expect(ops[names.length - 4]).toMatchObject({ path: "/proc/7/ns/user" });
  });

  test("raises limits, and gives pipes their owner, before the user namespace", () => {
    const ops = compile((spec) => {
      mapUsers(spec);
      spec.process.user = { uid: 1000, gid: 2000, additionalGids: [] };
      spec.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 10, hard: 1 << 20 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ];
    });
    const before = ops.slice(0, index(ops, "unshare"));
    expect(before.filter(({ op }) => op === "rlimit")).toEqual([
      { op: "rlimit", resource: 7, soft: 1n << 20n, hard: 1n << 20n },
    ]);
    expect(before).toContainEqual({ op: "own_stdio", uid: 101000, gid: 102000 });
  });

  test("of an exec in a user namespace", () => {
    const container = containerSpec(ID, ["sh"]);
    mapUsers(container);
    const plan = compileExecPlan(
      { id: ID, container, process: container.process, cgroupPath: `/docker/${ID}` },
      cgroups,
      "inherits",
    );
    expect(plan).toContainEqual({ op: "own_stdio", uid: 100000, gid: 100000 });
    const joins = plan.flatMap((op, at) => (op.op === "join_init" ? [at] : []));
    expect(plan[(joins[1] ?? 0) + 1]).toEqual({ op: "setgroups", gids: [] });
  });

  test("of an exec", () => {
    const container = containerSpec(ID, ["sh"]);
    const process = { ...container.process, args: ["id"], terminal: true };
    expectGolden(
      "exec.txt",
      print(compileExecPlan({ id: ID, container, process, cgroupPath: `/docker/${ID}` }, cgroups, "inherits")),
    );
  });

  test("puts the filter where the kernel takes it", () => {
    const early = compile();
    expect(index(early, "seccomp")).toBeLessThan(index(early, "bounding"));
    const late = compile((spec) => (spec.process.noNewPrivileges = true));
    expect(index(late, "no_new_privs")).toBeLessThan(index(late, "setuid"));
    expect(index(late, "seccomp")).toBe(late.length - 2);
    expect(index(late, "wait_start")).toBe(late.length - 3);
  });
});

describe("what is refused", () => {
  type Refusal = [name: string, change: (spec: RuntimeSpec) => void, text: string];
  const refusals: Refusal[] = [
    [
      "a mount under /proc",
      (spec) => spec.mounts.push({ destination: "/proc/self/attr", type: "bind", source: "/host/dir", options: [] }),
      '"/proc/self/attr" cannot be mounted because it is inside /proc',
    ],
    [
      "a mount under /proc by a detour",
      (spec) => spec.mounts.push({ destination: "/x/../proc/sys", type: "tmpfs", source: "tmpfs", options: [] }),
      "cannot be mounted because it is inside /proc",
    ],
    [
      "a bind over /proc",
      (spec) => spec.mounts.push({ destination: "/proc", type: "bind", source: "/host/dir", options: [] }),
      '"/proc" cannot be mounted because it is not of type proc',
    ],
    [
      "a source that is not there",
      (spec) => spec.mounts.push({ destination: "/x", type: "bind", source: "/none", options: [] }),
      'error mounting "/none" to rootfs at "/x": stat /none: no such file or directory',
    ],
    [
      "a sysctl of the host",
      (spec) => (spec.linux.sysctl = { "kernel.core_pattern": "x" }),
      'sysctl "kernel.core_pattern" is not in a separate kernel namespace',
    ],
    ...["net/../kernel/core_pattern", "net..kernel.core_pattern", "net/./x", "net.ipv4/../../kernel.core_pattern"].map(
      (name): Refusal => [
        `the sysctl ${name}`,
        (spec) => (spec.linux.sysctl = { [name]: "x" }),
        "is not in a separate kernel namespace",
      ],
    ),
    [
      "a network sysctl in the host's network",
      (spec) => {
        spec.linux.sysctl = { "net/ipv4/ip_forward": "1" };
        spec.linux.namespaces = [{ type: "ipc" }];
      },
      'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
    ],
    [
      "a limit that is none",
      (spec) => spec.process.rlimits.push({ type: "RLIMIT_X", soft: 0, hard: 0 }),
      "invalid rlimit type: RLIMIT_X",
    ],
    [
      "a capability that is none",
      (spec) => (spec.process.capabilities.bounding = ["CAP_X"]),
      'unknown capability "CAP_X"',
    ],
  ];
  test.each(refusals)("%s", (_name, change, text) => {
    let thrown: unknown;
    try {
      compile(change);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(LaunchError);
    expect(String(thrown)).toContain("OCI runtime create failed: runc create failed: ");
    expect(String(thrown)).toContain(text);
  });

  test("what lxcfs mounts under /proc is let through", () => {
    const ops = compile((spec) =>
      spec.mounts.push({ destination: "/proc/cpuinfo", type: "bind", source: "/host/file", options: ["bind"] }),
    );
    expect(print(ops)).toContain('target="/proc/cpuinfo"');
  });

  test("an exec's relative directory", () => {
    const container = containerSpec(ID, ["sh"]);
    const process = { ...container.process, cwd: "here" };
    expect(() => compileExecPlan({ id: ID, container, process, cgroupPath: "/docker/x" }, cgroups, "inherits")).toThrow(
      "OCI runtime exec failed: exec failed: Cwd must be an absolute path",
    );
  });
});

describe("a failure's text", () => {
  const program = (name: string): PlanOp[] => [{ op: "find_program", name, path: "/bin" }];
  const create =
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

  test.each([
    ["nosuch", "ENOENT", 'error during container init: exec: "nosuch": executable file not found in $PATH', 127],
    ["/no", "ENOENT", 'error during container init: exec: "/no": stat /no: no such file or directory', 127],
    ["/etc/passwd", "EACCES", 'error during container init: exec: "/etc/passwd": permission denied', 126],
    ["/etc", "EISDIR", 'error during container init: exec: "/etc": is a directory: permission denied', 126],
  ])("program %s, %s", (name, errno, text, exitCode) => {
    const error = planFailure(program(name), { index: 0, errno, detail: "", cause: undefined }, "create");
    expect(error.message).toBe(create + text);
    expect(error.kind).toBe("invalid");
    expect((error as LaunchError).exitCode).toBe(exitCode as 126 | 127); // the table's
  });

  test.each<[PlanOp[], string, string]>([
    [
      [{ op: "rlimit", resource: 7, soft: 1, hard: 1 }],
      "EPERM",
      "error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted",
    ],
    [
      [{ op: "write_file", path: "/cg/cpu/x", data: new TextEncoder().encode("1000"), flags: 0, ignore: [] }],
      "EINVAL",
      'unable to apply cgroup configuration: failed to write "1000": write /cg/cpu/x: invalid argument',
    ],
  ])("%j", (ops, errno, text) => {
    const error = planFailure(ops, { index: 0, errno, detail: "d", cause: undefined }, "create");
    expect(error.message).toBe(create + text);
    expect(error.kind).toBe("unknown");
  });

  test("of a mount names its source and target", () => {
    const ops: PlanOp[] = [
      { op: "open_tree", slot: 9, root: "", path: "/host/dir", flags: 1 },
      { op: "move_mount", slot: 9, target: "/etc/passwd", create: 1 },
    ];
    const stop = { index: 1, errno: "ENOTDIR", detail: "mount on /etc/passwd", cause: undefined };
    expect(planFailure(ops, stop, "create").message).toContain(
      'error mounting "/host/dir" to rootfs at "/etc/passwd": mount src=/host/dir, dst=/etc/passwd: not a directory: Are you trying to mount a directory onto a file',
    );
  });

  test.each([
    [
      "mount on /etc/passwd",
      "invalid",
      "fstype=tmpfs: not a directory: Are you trying to mount a directory onto a file",
    ],
    ["fsconfig size=x", "unknown", "fstype=tmpfs: invalid argument"],
  ])("of a new file system with %p is %s", (detail, kind, text) => {
    const ops: PlanOp[] = [
      { op: "fsmount", slot: 9, fstype: "tmpfs", source: "tmpfs", options: [], attrs: 0 },
      { op: "move_mount", slot: 9, target: "/etc/passwd", create: 1 },
    ];
    const error = planFailure(ops, { index: 1, errno: "EINVAL", detail, cause: undefined }, "create");
    expect(error.message).toContain(`mount src=tmpfs, dst=/etc/passwd, ${text}`);
    expect<string>(error.kind).toBe(kind);
  });

  test("of an exec has other words", () => {
    const error = planFailure(program("nosuch"), { index: 0, errno: "ENOENT", detail: "", cause: undefined }, "exec");
    expect(error.message).toBe(
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
    );
  });
});
