import { join } from "node:path";
import type { StdioStream } from "../../api/index.ts";
import {
  conflict,
  crashPoint,
  crashPointsAreArmed,
  errnoOf,
  messageOf,
  notFound,
  nowNanos,
  type ContainerId,
} from "../../base/index.ts";
import type { LinuxResources } from "../../spec/index.ts";
import { runFileSteps, type FileStep } from "../../sys/index.ts";
import {
  applyWrites,
  freezeAll,
  killCgroup,
  listProcesses,
  removeCgroup,
  signalProcesses,
  waitUntilEmpty,
} from "../cgroups/index.ts";
import { EXIT_RECORD, ShimError, SOCKET_NAME, type ExitEvent, type Shim } from "../shim/index.ts";
import type { CgroupStats, ExecRequest, ExecTask, ExitRecord, KillOptions, Task } from "../types.ts";
import { ShimExecTask } from "./exec-task.ts";
import { removeDirectory } from "./remove-directory.ts";
import { TASK_RECORD } from "./task-record.ts";
import type { RuntimeContext, TaskLauncher, TaskPlace } from "./types.ts";

const SIGKILL = 9;
/** What is in the directory of a task that has ended. */
const TASK_FILES = [TASK_RECORD, EXIT_RECORD, SOCKET_NAME];

export interface TaskParts extends TaskPlace {
  launcher: TaskLauncher;
  /** Undefined: the supervisor is gone, with `exit` what is known of the end. */
  shim: Shim | undefined;
  pid: number;
  /** It was out of memory before this daemon came. */
  oom: boolean;
  exit: ExitEvent | undefined;
  /** Called once nothing is left of it. */
  onReleased: () => void;
}

/** One run of a container, over its shim. */
export class ShimTask implements Task {
  readonly id: ContainerId;
  readonly exited: Promise<ExitRecord>;
  readonly #context: RuntimeContext;
  readonly #parts: TaskParts;
  #pid: number;
  #releasing: Promise<void> | undefined;
  #outOfMemory: boolean;
  onOutOfMemory: () => void = () => undefined;

  constructor(context: RuntimeContext, parts: TaskParts) {
    this.#context = context;
    this.#parts = parts;
    this.id = parts.id;
    this.#pid = parts.exit === undefined ? parts.pid : 0;
    this.#outOfMemory = parts.oom;
    if (parts.shim !== undefined) parts.shim.onOutOfMemory = () => this.#ranOut();
    this.exited = this.#watch();
  }

  get outOfMemory(): boolean {
    return this.#outOfMemory;
  }

  #ranOut(): void {
    this.#outOfMemory = true;
    this.onOutOfMemory();
  }

  get pid(): number {
    return this.#pid;
  }

  namespacePath(kind: "net" | "pid" | "ipc" | "uts" | "user" | "cgroup" | "mnt"): string {
    if (this.#pid === 0) throw conflict(`container ${this.id} is not running`);
    return `/proc/${this.#pid}/ns/${kind}`;
  }

  async start(): Promise<void> {
    const { shim, launcher } = this.#parts;
    if (shim === undefined) throw conflict(`container ${this.id} has exited`);
    await launcher.start(shim, this.#parts);
  }

  async kill(signal: number, options: KillOptions = {}): Promise<void> {
    const { shim, record } = this.#parts;
    if (options.all === true && signal === SIGKILL) return await killCgroup(this.#context.cgroups, record.cgroupPath);
    if (options.all === true) return await signalProcesses(this.#context.cgroups, record.cgroupPath, signal);
    if (shim === undefined) throw notFound("process already finished");
    await shim.kill(signal);
    options.sent?.();
    // In v1 a frozen process dies only once it is thawed.
    if (signal === SIGKILL) await this.resume();
  }

  async holdPort(
    address: Uint8Array,
    protocol: number,
    port: number,
    listens: boolean,
  ): Promise<{ pid: number; descriptor: number }> {
    const shim = this.#living();
    const { descriptor } = await shim.reservePort(address, protocol, port, listens);
    return { pid: shim.pid, descriptor };
  }

  async releasePorts(descriptors: readonly number[] | undefined): Promise<void> {
    try {
      await this.#parts.shim?.releasePorts(descriptors);
    } catch (error) {
      // Gone, and the sockets with it.
      if (!(error instanceof ShimError)) throw error;
    }
  }

  async resize(size: { height: number; width: number }): Promise<void> {
    await this.#living().resize(size);
  }

  async attach(options: {
    stdin: boolean;
    stdout: boolean;
    stderr: boolean;
    detachKeys: Uint8Array;
  }): Promise<StdioStream> {
    return await this.#living().attach(options);
  }

  async exec(request: ExecRequest): Promise<ExecTask> {
    const shim = this.#living();
    const { execId, process, stdin, stdout, stderr, detachKeys } = request;
    try {
      const { pid, stdio } = await this.#parts.launcher.exec(shim, this.#parts, request, {
        id: execId,
        tty: process.terminal,
        stdin,
        attach: stdin || stdout || stderr ? { stdin, stdout, stderr, detachKeys } : undefined,
      });
      return new ShimExecTask(shim, execId, pid, stdio);
    } catch (error) {
      if (!(error instanceof ShimError) || error.errno !== "ESRCH") throw error;
      throw conflict(`container ${this.id} is not running`, { cause: error });
    }
  }

  async pause(): Promise<void> {
    await freezeAll(this.#context.cgroups, this.#parts.record.cgroupPath);
  }

  async resume(): Promise<void> {
    try {
      await this.#context.cgroups.freeze(this.#parts.record.cgroupPath, false);
    } catch (error) {
      // It has ended by now, and its cgroup is gone with it.
      if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENODEV") throw error;
    }
  }

  async update(resources: LinuxResources): Promise<void> {
    const { cgroupPath } = this.#parts.record;
    const { cgroups } = this.#context;
    const putBack = await applyWrites(await cgroups.updates(cgroupPath, resources));
    try {
      await cgroups.manager?.update(cgroupPath, resources);
    } catch (error) {
      await putBack();
      throw error;
    }
  }

  async stats(): Promise<CgroupStats> {
    return await this.#context.cgroups.stats(this.#parts.record.cgroupPath, this.#context.calls);
  }

  async pids(): Promise<number[]> {
    return await listProcesses(this.#context.cgroups, this.#parts.record.cgroupPath);
  }

  async end(): Promise<void> {
    const { cgroups } = this.#context;
    const { shim, record } = this.#parts;
    await endShim(shim);
    // In a namespace of their own the others have gone with PID 1.
    const alone = record.spec.linux.namespaces.some(({ type, path }) => type === "pid" && path === undefined);
    if (!alone || shim === undefined) await killCgroup(cgroups, record.cgroupPath);
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release();
    // A failed release may be tried again.
    this.#releasing.catch(() => (this.#releasing = undefined));
    return this.#releasing;
  }

  /** Lets go of the shim; it and the container go on. */
  disconnect(): void {
    this.#disconnected = true;
    this.#parts.shim?.close();
  }

  #disconnected = false;

  async #release(): Promise<void> {
    await removeTask(this.#context, this.#parts);
    await this.exited;
    this.#parts.onReleased();
  }

  async #watch(): Promise<ExitRecord> {
    const { shim, exit } = this.#parts;
    const event = exit ?? (shim === undefined ? undefined : await this.#waitFor(shim));
    this.#pid = 0;
    if (event !== undefined) return { code: event.code, at: event.at, oomKilled: event.oom, supervisorLost: false };
    return await this.#lost();
  }

  async #waitFor(shim: Shim): Promise<ExitEvent | undefined> {
    try {
      return await shim.waitExit();
    } catch (error) {
      if (this.#disconnected) {
        // Nobody of this daemon is told: the next one recovers the task.
        const { promise } = Promise.withResolvers<never>();
        return await promise;
      }
      const level = this.#releasing === undefined ? "warn" : "debug";
      this.#context.logger[level](`lost the supervisor of container ${this.id}: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Without its supervisor a container has no stdio, log or exit code: it is ended. */
  async #lost(): Promise<ExitRecord> {
    const { cgroups, logger } = this.#context;
    const { cgroupPath } = this.#parts.record;
    let oomKilled = this.#outOfMemory;
    try {
      oomKilled ||= (await cgroups.oomKills(cgroupPath)) > 0;
      await killCgroup(cgroups, cgroupPath);
      await waitUntilEmpty(cgroups, cgroupPath);
    } catch (error) {
      logger.error(`could not end container ${this.id} after its supervisor was lost: ${messageOf(error)}`);
    }
    return { code: 128 + SIGKILL, at: nowNanos(), oomKilled, supervisorLost: true };
  }

  #living(): Shim {
    const { shim } = this.#parts;
    if (shim === undefined || this.#pid === 0) throw conflict(`container ${this.id} is not running`);
    return shim;
  }
}

/** Ends what runs, then removes the shim, the cgroup and the run directory. Goes on from wherever it was stopped. */
export async function removeTask(
  context: RuntimeContext,
  parts: TaskPlace & { shim: Shim | undefined; launcher: TaskLauncher },
): Promise<void> {
  const { cgroups } = context;
  const { directory, shim, record, launcher } = parts;
  await endShim(shim);
  // A test that stops it between two steps needs them one by one, and so does who manages the cgroups.
  const atOnce = record.program === undefined && cgroups.manager === undefined && !crashPointsAreArmed();
  if (atOnce && (await removeAtOnce(context, parts))) return;
  crashPoint("runtime-release:shim");
  await killCgroup(cgroups, record.cgroupPath);
  crashPoint("runtime-release:processes");
  await launcher.remove(parts);
  crashPoint("runtime-release:launcher");
  await removeCgroup(cgroups, record.cgroupPath);
  crashPoint("runtime-release:cgroup");
  await cgroups.manager?.dismiss(record.cgroupPath);
  crashPoint("runtime-release:scope");
  await removeDirectory(directory);
}

async function endShim(shim: Shim | undefined): Promise<void> {
  try {
    await shim?.shutdown();
  } catch (error) {
    if (!(error instanceof ShimError)) throw error;
    shim?.close(); // gone already
  }
}

/** Removes what a run by plan that has ended leaves, in one go. False: something is in the way. */
async function removeAtOnce({ cgroups, calls }: RuntimeContext, { directory, record }: TaskPlace): Promise<boolean> {
  const { cgroupPath } = record;
  const kill = cgroups.killFile(cgroupPath);
  const missing = true;
  const steps: FileStep[] = [
    { op: "empty", path: `${cgroups.processesIn(cgroupPath)}/cgroup.procs`, missing },
    ...cgroups.directories(cgroupPath).map((path): FileStep => ({ op: "rmdir", path, missing })),
    ...TASK_FILES.map((name): FileStep => ({ op: "unlink", path: join(directory, name), missing })),
    { op: "rmdir", path: directory, missing },
  ];
  if (kill !== undefined) steps.unshift({ op: "poke", path: kill, data: "1", missing });
  try {
    await runFileSteps(calls, steps);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
