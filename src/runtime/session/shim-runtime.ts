import { existsSync } from "node:fs";
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
import { readExitRecord, Shim } from "../shim/index.ts";
import type { Runtime, Task, TaskRequest } from "../types.ts";
import { removeDirectory } from "./remove-directory.ts";
import { readTaskRecord, writeTaskRecord } from "./task-record.ts";
import { removeTask, ShimTask } from "./task.ts";
import type { PreparedTask, RuntimeContext, TaskLauncher, TaskPlace } from "./types.ts";

/** Names that mean the built-in runtime, unless the configuration gives them to another one. */
const BUILT_IN = ["berth", "runc", "io.containerd.runc.v2"];

/** A unix socket's path has 107 bytes at most; half of an id's digits are still unique. */
const DIRECTORY_DIGITS = 32;
const directoryName = (id: string) => id.slice(0, DIRECTORY_DIGITS);

/** The instant of a start that was not. */
const NEVER = 0n;

export interface Launchers {
  builtIn: TaskLauncher;
  /** For another OCI runtime, by the path of its program. */
  external(program: string): TaskLauncher;
}

/**
 * Containers as children of shims. Each task has a directory `<execRoot>/tasks/<half id>` (0700) with the shim's socket,
 * its exit records and `task.json`; the directory is there before anything else of the task and goes last.
 */
export class ShimRuntime implements Runtime {
  /** What the host's cgroups can do, for `info`. */
  readonly cgroups: CgroupFacts;
  /** Names that need no program of their own. */
  readonly builtIn: readonly string[] = BUILT_IN;
  readonly #context: RuntimeContext;
  readonly #launchers: Launchers;
  /** Other runtimes: name to path. */
  #programs: ReadonlyMap<string, string>;
  readonly #root: string;
  readonly #tasks = new Map<ContainerId, ShimTask>();

  /**
   * @param execRoot of the daemon; what is made there does not outlive the machine.
   * @param programs other OCI runtimes, name to path.
   */
  constructor(
    context: RuntimeContext,
    launchers: Launchers,
    execRoot: string,
    programs: Readonly<Record<string, string>> = {},
  ) {
    this.#context = context;
    this.#launchers = launchers;
    this.#programs = new Map(Object.entries(programs));
    this.#root = join(execRoot, "tasks");
    this.cgroups = context.cgroups.facts;
  }

  get names(): string[] {
    return [...new Set([...BUILT_IN, ...this.#programs.keys()])];
  }

  /** Other OCI runtimes from now on, name to path; containers that run are not touched. */
  usePrograms(programs: Readonly<Record<string, string>>): void {
    this.#programs = new Map(Object.entries(programs));
  }

  async create(request: TaskRequest, signal: AbortSignal): Promise<Task> {
    const { id, spec } = request;
    const program = this.#programOf(request.runtime);
    const place: TaskPlace = {
      id,
      directory: this.#directoryOf(id),
      record: { version: 1, id, cgroupPath: cgroupPath(spec.linux.cgroupsPath), program, spec },
    };
    const launcher = this.#launcherOf(program);
    let shim = await this.#makeDirectory(place);
    try {
      crashPoint("runtime-create:directory");
      await writeTaskRecord(this.#context.calls, place.directory, place.record);
      crashPoint("runtime-create:record");
      // What the shim needs and what the launch needs have nothing to do with each other.
      const [launched, prepared] = await startBoth(
        shim ?? Shim.launch(this.#context.shim, place.directory, signal),
        launcher.prepare(request, place),
      );
      shim = launched;
      crashPoint("runtime-create:shim");
      signal.throwIfAborted();
      const { cgroups } = this.#context;
      await cgroups.manager?.adopt(place.record.cgroupPath, launched.pid, spec.linux.resources);
      crashPoint("runtime-create:scope");
      signal.throwIfAborted();
      const pid = await prepared.create(shim, {
        tty: spec.process.terminal,
        stdin: request.stdin.open,
        stdinOnce: request.stdin.once,
        log: request.log,
        oomEvents: cgroups.oomEventsFile(place.record.cgroupPath),
      });
      crashPoint("runtime-create:process");
      signal.throwIfAborted();
      return this.#track(place, launcher, shim, pid, false);
    } catch (error) {
      await this.#abandon(place, launcher, shim);
      throw asEngineError(error);
    }
  }

  async recover(id: ContainerId): Promise<Task | undefined> {
    const known = this.#tasks.get(id);
    if (known !== undefined) return known;
    const directory = this.#directoryOf(id);
    const record = await readTaskRecord(directory);
    if (record === undefined) {
      // Before its record a task has nothing but its directory; that would stand in the next run's way.
      await removeDirectory(directory);
      return undefined;
    }
    const place = { id, directory, record };
    const launcher = this.#launcherOf(record.program);
    const shim = await Shim.find(directory);
    if (shim === undefined) return await this.#recoverWithoutShim(place, launcher);
    const { state, pid, startedAt, oom } = await shim.state();
    if ((state === "running" || state === "exited") && startedAt !== NEVER) {
      return this.#track(place, launcher, shim, pid, oom);
    }
    // The daemon ended in the middle of a start: nobody was told that the container runs, and its program never did.
    await removeTask(this.#context, { ...place, launcher, shim });
    return undefined;
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

  /** @returns the program's path, undefined for the built-in runtime. */
  #programOf(name: string | undefined): string | undefined {
    if (name === undefined) return undefined;
    const program = this.#programs.get(name);
    if (program === undefined && !BUILT_IN.includes(name)) throw invalid(`unknown or invalid runtime name: ${name}`);
    return program;
  }

  #launcherOf(program: string | undefined): TaskLauncher {
    return program === undefined ? this.#launchers.builtIn : this.#launchers.external(program);
  }

  #directoryOf(id: ContainerId): string {
    return join(this.#root, directoryName(id));
  }

  /** Makes the task's directory; with a shim in it when one was ready. */
  async #makeDirectory({ id, directory }: TaskPlace): Promise<Shim | undefined> {
    const used = () => conflict(`the last run of container ${id} has not been released yet`);
    // Not left to the rename, which replaces a directory that is empty.
    if (existsSync(directory)) throw used();
    try {
      if (!existsSync(this.#root)) await mkdir(this.#root, { recursive: true, mode: 0o700 });
      const shim = await this.#context.spares?.take(directory);
      if (shim === undefined) await mkdir(directory, { mode: 0o700 });
      return shim;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST" && errnoOf(error) !== "ENOTEMPTY") throw error;
      throw used();
    }
  }

  #track(place: TaskPlace, launcher: TaskLauncher, shim: Shim, pid: number, oom: boolean): ShimTask {
    return this.#keep(
      new ShimTask(this.#context, { ...place, launcher, shim, pid, oom, exit: undefined, ...this.#ends(place) }),
    );
  }

  async #recoverWithoutShim(place: TaskPlace, launcher: TaskLauncher): Promise<Task | undefined> {
    const { cgroups, logger } = this.#context;
    const exit = await readExitRecord(place.directory);
    if (exit?.startedAt === NEVER) {
      // A PID 1 that was killed before its program ran, on the way back from a start that nobody was told of.
      await removeTask(this.#context, { ...place, launcher, shim: undefined });
      return undefined;
    }
    if (exit === undefined) logger.warn(`the supervisor of container ${place.id} is gone without an exit record`);
    await killCgroup(cgroups, place.record.cgroupPath);
    return this.#keep(
      new ShimTask(this.#context, {
        ...place,
        launcher,
        shim: undefined,
        pid: 0,
        oom: false,
        exit,
        ...this.#ends(place),
      }),
    );
  }

  #keep(task: ShimTask): ShimTask {
    this.#tasks.set(task.id, task);
    return task;
  }

  #ends({ id }: TaskPlace) {
    return { onReleased: () => void this.#tasks.delete(id) };
  }

  async #sweepOne(directory: string): Promise<void> {
    try {
      const record = await readTaskRecord(directory);
      const shim = await Shim.find(directory);
      if (record === undefined) {
        // Before its record a task has nothing but this directory.
        shim?.close();
        return await removeDirectory(directory);
      }
      await removeTask(this.#context, {
        id: record.id,
        directory,
        record,
        shim,
        launcher: this.#launcherOf(record.program),
      });
    } catch (error) {
      this.#context.logger.error(`could not remove what is left in ${directory}: ${messageOf(error)}`);
    }
  }

  async #abandon(place: TaskPlace, launcher: TaskLauncher, shim: Shim | undefined): Promise<void> {
    try {
      await removeTask(this.#context, { ...place, launcher, shim: shim ?? (await Shim.find(place.directory)) });
    } catch (error) {
      // What failed first is what the caller must hear; the rest is swept at the next boot.
      this.#context.logger.error(`could not undo a failed start in ${place.directory}: ${messageOf(error)}`);
    }
  }
}

/** Waits for both, also when one fails: what the other one made is then there to be removed. */
async function startBoth(
  launching: Shim | Promise<Shim>,
  preparing: Promise<PreparedTask>,
): Promise<[Shim, PreparedTask]> {
  try {
    return await Promise.all([launching, preparing]);
  } catch (error) {
    const [shim] = await Promise.allSettled([launching, preparing]);
    if (shim.status === "fulfilled") shim.value.close();
    throw error;
  }
}
