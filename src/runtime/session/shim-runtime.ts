import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  asEngineError,
  conflict,
  crashPoint,
  errnoOf,
  invalid,
  messageOf,
  type ContainerId,
} from "../../base/index.ts";
import { cgroupPath, killCgroup, type CgroupFacts } from "../cgroups/index.ts";
import { compileCreatePlan, planFailure } from "../launch/index.ts";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import { PlanFailure, readExitRecord, Shim, ShimError } from "../shim/index.ts";
import type { Runtime, Task, TaskRequest } from "../types.ts";
import { gatherLaunchFacts } from "./launch-facts.ts";
import { readTaskRecord, writeTaskRecord, type TaskRecord } from "./task-record.ts";
import { removeTask, ShimTask } from "./task.ts";
import type { RuntimeContext } from "./types.ts";

/** Names that mean the built-in runtime. */
const BUILT_IN = ["berth", "runc", "io.containerd.runc.v2"];

/** A unix socket's path has 107 bytes at most; half of an id's digits are still unique. */
const DIRECTORY_DIGITS = 32;
const directoryName = (id: string) => id.slice(0, DIRECTORY_DIGITS);

/**
 * Containers as children of shims. Each task has a directory `<execRoot>/tasks/<half id>` (0700) with the shim's socket,
 * its exit records and `task.json`; the directory is there before anything else of the task and goes last.
 */
export class ShimRuntime implements Runtime {
  readonly names: string[] = [...BUILT_IN];
  /** What the host's cgroups can do, for `info`. */
  readonly cgroups: CgroupFacts;
  readonly #context: RuntimeContext;
  readonly #root: string;
  readonly #tasks = new Map<ContainerId, ShimTask>();

  /** @param execRoot of the daemon; what is made there does not outlive the machine. */
  constructor(context: RuntimeContext, execRoot: string) {
    this.#context = context;
    this.cgroups = context.cgroups.facts;
    this.#root = join(execRoot, "tasks");
  }

  async create(request: TaskRequest, signal: AbortSignal): Promise<Task> {
    this.#checkName(request.runtime);
    const { id, spec } = request;
    const directory = this.#directoryOf(id);
    const record: TaskRecord = {
      version: 1,
      cgroupPath: cgroupPath(spec.linux.cgroupsPath),
      runtime: request.runtime,
      spec,
    };
    await this.#makeDirectory(id, directory);
    crashPoint("runtime-create:directory");
    let shim: Shim | undefined;
    try {
      // What the shim needs and what the plan needs have nothing to do with each other.
      const launching = Shim.launch(this.#context.shim, directory, signal);
      const [launched, facts] = await settleBoth(
        launching,
        gatherLaunchFacts(spec.mounts, request.rootfs, this.#context.calls),
        writeTaskRecord(directory, record),
        this.#context.cgroups.prepareParent(record.cgroupPath),
        (late) => late.close(),
      );
      shim = launched;
      crashPoint("runtime-create:shim");
      const ops = compileCreatePlan(
        { id, spec, rootfs: request.rootfs, cgroupPath: record.cgroupPath },
        this.#context.cgroups,
        facts,
      );
      signal.throwIfAborted();
      const pid = await this.#runPlan(shim, ops, request, record.cgroupPath);
      crashPoint("runtime-create:plan");
      signal.throwIfAborted();
      return this.#track(id, directory, record, shim, pid);
    } catch (error) {
      await this.#abandon(directory, shim, record);
      throw asEngineError(error);
    }
  }

  async recover(id: ContainerId): Promise<Task | undefined> {
    const known = this.#tasks.get(id);
    if (known !== undefined) return known;
    const directory = this.#directoryOf(id);
    const record = await readTaskRecord(directory);
    if (record === undefined) return undefined;
    const shim = await connectShim(directory);
    if (shim === undefined) return await this.#recoverWithoutShim(id, directory, record);
    const { state, pid } = await shim.state();
    if (state === "unclaimed" || state === "claimed") {
      // The daemon ended between starting the shim and making the container.
      await removeTask(this.#context, { directory, shim, record });
      return undefined;
    }
    return this.#track(id, directory, record, shim, pid);
  }

  async sweep(known: ReadonlySet<ContainerId>): Promise<void> {
    let names: string[];
    try {
      names = await readdir(this.#root);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return;
      throw error;
    }
    const kept = new Set([...known].map(directoryName));
    await Promise.all(
      names
        .filter((name) => /^[0-9a-f]{32}$/.test(name) && !kept.has(name))
        .map((name) => this.#sweepOne(join(this.#root, name))),
    );
  }

  /** Lets go of every shim: they and their containers go on, and another daemon may recover them. */
  disconnect(): void {
    for (const task of this.#tasks.values()) task.disconnect();
    this.#tasks.clear();
  }

  #checkName(name: string | undefined): void {
    if (name !== undefined && !this.names.includes(name)) throw invalid(`unknown or invalid runtime name: ${name}`);
  }

  #directoryOf(id: ContainerId): string {
    return join(this.#root, directoryName(id));
  }

  async #makeDirectory(id: ContainerId, directory: string): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      throw conflict(`the last run of container ${id} has not been released yet`);
    }
  }

  async #runPlan(shim: Shim, ops: PlanOp[], request: TaskRequest, path: string): Promise<number> {
    try {
      return await shim.create({
        plan: encodePlan(ops),
        tty: request.spec.process.terminal,
        stdin: request.stdin.open,
        stdinOnce: request.stdin.once,
        log: request.log,
        oomEvents: this.#context.cgroups.oomEventsFile(path),
      });
    } catch (error) {
      if (!(error instanceof PlanFailure)) throw error;
      const { index, errno, detail } = error;
      throw planFailure(ops, { index, errno, detail, cause: error }, "create");
    }
  }

  #track(id: ContainerId, directory: string, record: TaskRecord, shim: Shim, pid: number): ShimTask {
    const task = new ShimTask(this.#context, {
      id,
      directory,
      record,
      shim,
      pid,
      exit: undefined,
      onReleased: () => this.#tasks.delete(id),
    });
    this.#tasks.set(id, task);
    return task;
  }

  async #recoverWithoutShim(id: ContainerId, directory: string, record: TaskRecord): Promise<Task> {
    const { cgroups, logger } = this.#context;
    const exit = await readExitRecord(directory);
    if (exit === undefined) logger.warn(`the supervisor of container ${id} is gone without an exit record`);
    await killCgroup(cgroups, record.cgroupPath);
    const task = new ShimTask(this.#context, {
      id,
      directory,
      record,
      shim: undefined,
      pid: 0,
      exit,
      onReleased: () => this.#tasks.delete(id),
    });
    this.#tasks.set(id, task);
    return task;
  }

  async #sweepOne(directory: string): Promise<void> {
    try {
      const record = await readTaskRecord(directory);
      await removeTask(this.#context, { directory, shim: await connectShim(directory), record });
    } catch (error) {
      this.#context.logger.error(`could not remove what is left in ${directory}: ${messageOf(error)}`);
    }
  }

  async #abandon(directory: string, shim: Shim | undefined, record: TaskRecord): Promise<void> {
    try {
      await removeTask(this.#context, { directory, shim: shim ?? (await connectShim(directory)), record });
    } catch (error) {
      // What failed first is what the caller must hear; the rest is swept at the next boot.
      this.#context.logger.error(`could not undo a failed start in ${directory}: ${messageOf(error)}`);
    }
  }
}

async function connectShim(directory: string): Promise<Shim | undefined> {
  try {
    return await Shim.connect(directory);
  } catch (error) {
    if (error instanceof ShimError) return undefined; // nobody listens there any more
    throw error;
  }
}

/** Waits for all; when another one failed, the shim that came up is let go. */
async function settleBoth<Facts>(
  launching: Promise<Shim>,
  facts: Promise<Facts>,
  record: Promise<void>,
  parent: Promise<void>,
  letGo: (shim: Shim) => void,
): Promise<[Shim, Facts]> {
  const others = Promise.all([facts, record, parent]);
  try {
    const [shim, [found]] = await Promise.all([launching, others]);
    return [shim, found];
  } catch (error) {
    await Promise.allSettled([facts, record, parent]);
    const [late] = await Promise.allSettled([launching]);
    if (late.status === "fulfilled") letGo(late.value);
    throw error;
  }
}
