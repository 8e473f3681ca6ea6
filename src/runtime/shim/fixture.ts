/** For the tests of this folder: a small root file system, plans made by hand, and shims that are gone afterwards. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutputChunk } from "../../api/index.ts";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import type { ExitEvent } from "./connection.ts";
import { Shim, type CreateOptions, type ExecOptions } from "./shim.ts";
import type { ShimStdio } from "./stdio.ts";

const project = join(import.meta.dir, "../../..");
const sources = join(project, "native/shim");
const binary = join(project, "build/berth-shim");

const CLONE_NEWNS = 0x20000;
const NEW_NAMESPACES = CLONE_NEWNS | 0x20000000 /* PID */ | 0x4000000 /* UTS */ | 0x8000000; /* IPC */
const MS_PRIVATE = 0x40000;
const MS_REC_PRIVATE = 0x4000 | MS_PRIVATE;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;
const S_IFCHR = 0o020000;

export const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));

/** Why these tests cannot run here; undefined: they can. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (BUSYBOX === undefined) return "needs a static busybox (apt-get install busybox-static)";
  return undefined;
}

/** The shim, built when it is older than its sources. */
export function shimBinary(): string {
  const built = existsSync(binary) ? statSync(binary).mtimeMs : 0;
  const changed = Math.max(...readdirSync(sources).map((name) => statSync(join(sources, name)).mtimeMs));
  if (built < changed) execFileSync(join(sources, "build.sh"), [binary], { stdio: ["ignore", "inherit", "inherit"] });
  return binary;
}

export const setup: readonly PlanOp[] = [
  { op: "reset" },
  { op: "propagation", path: "/", flags: MS_REC_PRIVATE },
  { op: "attach_root", slot: 0 },
  // A clone is shared where what it is of is
  { op: "root_setattr", set: 0, clear: 0, propagation: MS_PRIVATE },
  { op: "fsmount", slot: 1, fstype: "proc", source: "", options: [], attrs: 0xe },
  { op: "move_mount", slot: 1, target: "/proc", create: 1 },
  { op: "fsmount", slot: 2, fstype: "tmpfs", source: "tmpfs", options: ["mode=755", "size=65536k"], attrs: 2 },
  { op: "move_mount", slot: 2, target: "/dev", create: 1 },
  ...(["null", "zero", "full"] as const).map((name): PlanOp => ({
    op: "mknod",
    path: `/dev/${name}`,
    mode: S_IFCHR | 0o666,
    major: 1,
    minor: { null: 3, zero: 5, full: 7 }[name],
    uid: 0,
    gid: 0,
  })),
  {
    op: "fsmount",
    slot: 3,
    fstype: "devpts",
    source: "devpts",
    options: ["newinstance", "ptmxmode=0666", "mode=0620"],
    attrs: 0xa,
  },
  { op: "move_mount", slot: 3, target: "/dev/pts", create: 1 },
  { op: "pivot_root" },
];

export interface Command {
  readonly argv: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  /** Operations before stdio is set up. */
  readonly before?: readonly PlanOp[];
}

const ENV = ["PATH=/bin", "HOME=/"];

function finish(command: Command, waits: boolean): PlanOp[] {
  const stdio: PlanOp =
    command.tty === true ? { op: "console", uid: 0, rows: 24, cols: 80, bind: waits ? 1 : 0 } : { op: "stdio", uid: 0 };
  return [
    ...(command.before ?? []),
    stdio,
    { op: "close_fds" },
    { op: "chdir", path: command.cwd ?? "/" },
    { op: "find_program", name: command.argv[0] ?? "", path: "/bin" },
    ...(waits ? [{ op: "wait_start" } as const] : []),
    { op: "exec", argv: command.argv, env: [...ENV, ...(command.env ?? [])] },
  ];
}

export interface Collected {
  stdout: string;
  stderr: string;
}

/** Reads a stream to its end. */
export async function collect(stdio: ShimStdio): Promise<Collected> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const chunk of stdio.output) parts[chunk.stream].push(chunk.data);
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}

/** Reads a stream piece by piece. */
export class Reading {
  text = "";
  readonly #chunks: AsyncIterator<OutputChunk>;

  constructor(stdio: ShimStdio) {
    this.#chunks = stdio.output[Symbol.asyncIterator]();
  }

  /** Reads until this has come, or the end has. */
  async until(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      const next = await this.#chunks.next();
      if (next.done === true) return;
      this.text += Buffer.from(next.value.data).toString();
    }
  }
}

/** What a promise rejects with. @throws when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a failure, got ${String(value)}`);
}

/** Waits for a condition that something else brings about. @throws after 30 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`waited 30 s for ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 5);
    await promise;
  }
}

/** True while a process is there and is not a zombie. */
export function alive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** A root file system and the shims that were started in it; all gone on dispose. */
export class World implements AsyncDisposable {
  readonly #started: Shim[] = [];
  #count = 0;

  private constructor(
    readonly directory: string,
    readonly rootfs: string,
  ) {}

  static async make(): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), `berth-shim-${process.pid}-`));
    const rootfs = join(directory, "rootfs");
    for (const name of ["bin", "dev", "proc", "tmp"]) await mkdir(join(rootfs, name), { recursive: true });
    await copyFile(BUSYBOX ?? "", join(rootfs, "bin/busybox"));
    for (const name of [
      "sh",
      "cat",
      "echo",
      "true",
      "false",
      "sleep",
      "ls",
      "head",
      "yes",
      "stty",
      "printf",
      "dd",
      "kill",
      "readlink",
      "wc",
      "id",
      "test",
      "env",
      "hostname",
      "md5sum",
    ]) {
      await symlink("busybox", join(rootfs, "bin", name));
    }
    return new World(directory, rootfs);
  }

  /** An empty run directory. */
  async runDirectory(): Promise<string> {
    const directory = join(this.directory, `run-${this.#count++}`);
    await mkdir(directory, { mode: 0o700 });
    return directory;
  }

  async shim(): Promise<Shim> {
    const shim = await Shim.launch({ binary: shimBinary() }, await this.runDirectory());
    this.#started.push(shim);
    return shim;
  }

  /** Operations of a container in this root file system, up to `exec`. */
  ops(command: Command): PlanOp[] {
    return [
      { op: "open_tree", slot: 0, root: "", path: this.rootfs, flags: OPEN_TREE_CLONE | AT_RECURSIVE },
      { op: "spawn_init", flags: NEW_NAMESPACES, cgroup: "" },
      ...setup,
      ...finish(command, true),
    ];
  }

  create(shim: Shim, command: Command, log?: CreateOptions["log"]): Promise<number> {
    return shim.create({
      plan: encodePlan(this.ops(command)),
      tty: command.tty ?? false,
      stdin: command.stdin ?? false,
      stdinOnce: command.stdinOnce ?? false,
      log,
      oomEvents: undefined,
    });
  }

  /** A shim with a container that is created, and a client of its stdio. */
  async container(
    command: Command,
    log?: CreateOptions["log"],
  ): Promise<{ shim: Shim; stdio: ShimStdio; pid: number }> {
    const shim = await this.shim();
    const pid = await this.create(shim, command, log);
    const stdio = await shim.attach({
      stdin: true,
      stdout: true,
      stderr: true,
      detachKeys: new Uint8Array([16, 17]),
    });
    return { shim, stdio, pid };
  }

  /** Runs a command to its end. */
  async run(command: Command): Promise<Collected & { exit: ExitEvent }> {
    const { shim, stdio } = await this.container(command);
    await shim.start();
    const output = await collect(stdio);
    return { ...output, exit: await shim.waitExit() };
  }

  execOptions(id: string, command: Command): ExecOptions {
    return {
      id,
      plan: encodePlan([
        { op: "join_init", flags: NEW_NAMESPACES },
        { op: "spawn_init", flags: 0, cgroup: "" },
        { op: "reset" },
        ...finish(command, false),
      ]),
      tty: command.tty ?? false,
      stdin: command.stdin ?? false,
      attach: { stdin: true, stdout: true, stderr: true, detachKeys: new Uint8Array([16, 17]) },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const shim of this.#started) {
      const again = await Shim.connect(shim.directory).catch(() => undefined);
      await again?.shutdown().catch(() => undefined);
      shim.close();
      await until(`shim ${shim.pid} to end`, () => !alive(shim.pid));
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}
