import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../base/index.ts";
import { createFailure, execFailure } from "../launch/index.ts";
import { PlanFailure, ShimError, type ExecProcessOptions, type Shim, type StartedExec } from "../shim/index.ts";
import type { PreparedTask, TaskLauncher, TaskPlace } from "../session/types.ts";
import type { ExecRequest, TaskRequest } from "../types.ts";
import { toConfigJson } from "./config-json.ts";
import { noUserNamespace } from "./errors.ts";
import { OciProgram } from "./program.ts";
import { mountRootfs, resolveBounded, unmountRootfs, type MountCalls } from "./rootfs.ts";

/**
 * Another OCI runtime (`--add-runtime name=path`). The container's spec becomes a bundle in the task's directory:
 *
 *     <task>/bundle/config.json     the spec
 *     <task>/bundle/rootfs/         its root file system, mounted
 *     <task>/oci.log                what the runtime says
 *
 * The shim runs the runtime's create, start and exec, so that PID 1 is its child like any other.
 */
export class OciLauncher implements TaskLauncher {
  readonly #path: string;
  readonly #stateRoot: string;
  readonly #calls: MountCalls;
  readonly #logger: Logger;

  /** @param stateRoot where the runtime keeps its own state; not shared with another engine. */
  constructor(path: string, stateRoot: string, calls: MountCalls, logger: Logger) {
    this.#path = path;
    this.#stateRoot = stateRoot;
    this.#calls = calls;
    this.#logger = logger;
  }

  async prepare({ spec, rootfs }: TaskRequest, place: TaskPlace): Promise<PreparedTask> {
    if (spec.linux.namespaces.some(({ type }) => type === "user")) throw noUserNamespace(this.#path);
    const { rootPath, bundle, pidFile, consoleSocket } = filesOf(place);
    await mkdir(rootPath, { recursive: true, mode: 0o700 });
    const mounts = await resolveBounded(spec.mounts);
    await writeFile(
      join(bundle, "config.json"),
      toConfigJson({ ...spec, mounts, linux: { ...spec.linux, cgroupsPath: place.record.cgroupPath } }, rootPath),
      { mode: 0o600 },
    );
    await mountRootfs(this.#calls, rootfs, rootPath);
    const program = this.#program(place);
    const console = spec.process.terminal ? consoleSocket : undefined;
    return {
      create: (shim, options) =>
        explained(program, createFailure, () =>
          shim.createExternal({
            ...options,
            program: { argv: program.create(bundle, pidFile, console), pidFile, consoleSocket: console },
            startArgv: program.start(),
          }),
        ),
    };
  }

  async start(shim: Shim, place: TaskPlace): Promise<void> {
    await explained(this.#program(place), createFailure, () => shim.start());
  }

  async exec(shim: Shim, place: TaskPlace, request: ExecRequest, options: ExecProcessOptions): Promise<StartedExec> {
    const { process } = request;
    const base = join(place.directory, `oci-${options.id.slice(0, 32)}`);
    const [processFile, pidFile, console] = [`${base}.process`, `${base}.pid`, `${base}.tty`];
    const consoleSocket = process.terminal ? console : undefined;
    const program = this.#program(place);
    await writeFile(processFile, JSON.stringify(process), { mode: 0o600 });
    try {
      return await explained(program, execFailure, () =>
        shim.execExternal({
          ...options,
          program: { argv: program.exec(processFile, pidFile, consoleSocket), pidFile, consoleSocket },
        }),
      );
    } finally {
      await Promise.all([processFile, pidFile, console].map((file) => rm(file, { force: true })));
    }
  }

  async remove(place: TaskPlace): Promise<void> {
    await this.#program(place).delete(this.#logger);
    await unmountRootfs(this.#calls, filesOf(place).rootPath);
  }

  #program({ id, directory }: TaskPlace): OciProgram {
    return new OciProgram(this.#path, id, { root: this.#stateRoot, log: join(directory, "oci.log") });
  }
}

function filesOf({ directory }: TaskPlace) {
  const bundle = join(directory, "bundle");
  return {
    bundle,
    rootPath: join(bundle, "rootfs"),
    pidFile: join(directory, "oci.pid"),
    consoleSocket: join(directory, "tty"),
  };
}

/** The program's failure in its own words. */
async function explained<T>(
  program: OciProgram,
  failure: (reason: string, options: { cause: unknown }) => Error,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const ended = error instanceof PlanFailure || (error instanceof ShimError && error.errno === "ECHILD");
    throw ended ? failure(await program.lastError(), { cause: error }) : error;
  }
}
