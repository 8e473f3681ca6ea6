import type { CallContext, ExecBackend, ExecCreateBody, ExecInspect, StdioStream } from "../../api/index.ts";
import { invalid, messageOf, randomId, type Logger } from "../../base/index.ts";
import { LaunchError, type ExecTask } from "../../runtime/index.ts";
import { announceExec } from "../announce.ts";
import { parseDetachKeys } from "../attach/detach-keys.ts";
import type { ContainerEntry } from "../entry.ts";
import {
  execNotStarted,
  execPaused,
  execRan,
  execRuns,
  isRestarting,
  noExecCommand,
  noSuchExec,
  notRunning,
} from "../errors.ts";
import type { ContainerRegistry } from "../registry.ts";
import type { Clock, ContainerDependencies } from "../types.ts";
import type { ExecInstance } from "./instance.ts";
import { execProcess, execUser, type LinkedEnv } from "./process.ts";

/** Ended execs are kept for inspect until so many newer ones of their container have ended … */
const KEPT = 64;
/** … and for so many milliseconds at least: who runs hundreds at once asks each for its exit code. */
const KEPT_AT_LEAST = 30_000;

type Needs = Pick<ContainerDependencies, "events" | "config" | "host" | "users"> & LinkedEnv;

/** Commands in running containers. */
export class ExecService implements ExecBackend {
  readonly #registry: ContainerRegistry;
  readonly #needs: Needs;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #instances = new Map<string, ExecInstance>();
  /** Containers with more ended execs than are kept, which are looked at again. */
  readonly #crowded = new Set<ContainerEntry>();

  constructor(registry: ContainerRegistry, needs: Needs, clock: Clock, logger: Logger) {
    this.#registry = registry;
    this.#needs = needs;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @throws not-found, conflict when the container does not run, invalid without a command. */
  async create(ref: string, body: ExecCreateBody): Promise<{ Id: string }> {
    const entry = this.#registry.resolve(ref);
    if ((body.Cmd ?? []).length === 0) throw noExecCommand();
    const task = requireRunning(entry, ref);
    for (const variable of body.Env ?? []) {
      if (variable.startsWith("=") || variable === "") throw invalid(`invalid environment variable: ${variable}`);
    }
    // The container's own user was found when it started.
    if (body.User) execUser(entry.record, body, task.pid, this.#needs);
    const detachKeys = parseDetachKeys(body.DetachKeys, "escape");
    const instance: ExecInstance = { id: randomId(), entry, body, detachKeys, state: { kind: "created" } };
    this.#instances.set(instance.id, instance);
    entry.execIds.add(instance.id);
    this.#announce(instance, { what: "exec_create", command: body.Cmd ?? [] });
    return { Id: instance.id };
  }

  async start(
    id: string,
    options: { detach: boolean; tty: boolean | undefined; consoleSize: { height: number; width: number } | undefined },
    _call: CallContext,
  ): Promise<StdioStream | undefined> {
    const instance = this.#get(id);
    if (instance.state.kind === "ended") throw execRan(id);
    if (instance.state.kind !== "created") throw execRuns(id);
    const { entry, body } = instance;
    const task = requireRunning(entry, entry.id);
    instance.state = { kind: "starting" };
    this.#announce(instance, { what: "exec_start", command: body.Cmd ?? [] });
    try {
      const size = body.ConsoleSize ?? undefined;
      const consoleSize = options.consoleSize ?? (size === undefined ? undefined : { height: size[0], width: size[1] });
      const process = execProcess(
        entry.record,
        body,
        { tty: body.Tty === true, consoleSize, pid: task.pid },
        this.#needs,
      );
      const attached = !options.detach;
      const running = await task.exec({
        execId: id,
        process,
        privileged: body.Privileged === true,
        stdin: attached && body.AttachStdin === true,
        stdout: attached && body.AttachStdout === true,
        stderr: attached && body.AttachStderr === true,
        detachKeys: instance.detachKeys,
      });
      instance.state = { kind: "running", task: running };
      this.#watch(instance, running);
      return attached ? running.stdio : undefined;
    } catch (error) {
      this.#ended(instance, failedExitCode(error), 0);
      throw error;
    }
  }

  /** @throws not-found; invalid when it was not started or has ended. */
  async resize(id: string, size: { height: number; width: number }): Promise<void> {
    const instance = this.#get(id);
    if (instance.state.kind !== "running") throw execNotStarted();
    await instance.state.task.resize(size);
  }

  async inspect(id: string): Promise<ExecInspect> {
    const { body, state, entry, detachKeys } = this.#get(id);
    const [entrypoint = "", ...rest] = body.Cmd ?? [];
    return {
      ID: id,
      Running: state.kind === "running",
      ExitCode: state.kind === "ended" ? state.exitCode : null,
      ProcessConfig: {
        tty: body.Tty === true,
        entrypoint,
        arguments: rest,
        privileged: body.Privileged === true,
        ...(body.User ? { user: body.User } : {}),
      },
      OpenStdin: body.AttachStdin === true,
      OpenStderr: body.AttachStderr === true,
      OpenStdout: body.AttachStdout === true,
      CanRemove: state.kind === "ended",
      ContainerID: entry.id,
      DetachKeys: body.DetachKeys ? Buffer.from(detachKeys).toString("latin1") : "",
      Pid: state.kind === "running" ? state.task.pid : state.kind === "ended" ? state.pid : 0,
    };
  }

  /** The container is gone. */
  forget(entry: ContainerEntry): void {
    for (const id of [...entry.execIds, ...entry.endedExecIds]) this.#instances.delete(id);
    entry.execIds.clear();
    entry.endedExecIds.clear();
  }

  #get(id: string): ExecInstance {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw noSuchExec(id);
    return instance;
  }

  #watch(instance: ExecInstance, task: ExecTask): void {
    task.exited.then(
      (code) => this.#ended(instance, code, task.pid),
      (error: unknown) =>
        this.#logger.error("an exec's end is unknown", { exec: instance.id, error: messageOf(error) }),
    );
  }

  #ended(instance: ExecInstance, exitCode: number, pid: number): void {
    instance.state = { kind: "ended", exitCode, pid, at: this.#clock.now() };
    const { execIds, endedExecIds } = instance.entry;
    // Not of a container that is gone: it has none any more.
    if (execIds.delete(instance.id)) endedExecIds.add(instance.id);
    this.#trimLater(instance.entry);
    this.#announce(instance, { what: "exec_die", exitCode });
  }

  #announce(instance: ExecInstance, event: Parameters<typeof announceExec>[3]): void {
    announceExec(this.#needs.events, instance.entry.record, instance.id, event);
  }

  #trimLater(entry: ContainerEntry): void {
    if (entry.endedExecIds.size <= KEPT || this.#crowded.has(entry)) return;
    this.#crowded.add(entry);
    this.#clock.after(KEPT_AT_LEAST, () => {
      this.#crowded.delete(entry);
      this.#trim(entry.endedExecIds);
      this.#trimLater(entry);
    });
  }

  #trim(ended: Set<string>): void {
    const limit = this.#clock.now() - BigInt(KEPT_AT_LEAST) * 1_000_000n;
    for (const id of ended) {
      const state = this.#instances.get(id)?.state;
      if (ended.size <= KEPT || (state?.kind === "ended" && state.at > limit)) return;
      this.#instances.delete(id);
      ended.delete(id);
    }
  }
}

function requireRunning(entry: ContainerEntry, ref: string) {
  const { phase } = entry.state;
  if (phase.kind === "restarting") throw isRestarting(entry.id);
  if (phase.kind !== "running" || entry.run === undefined) throw notRunning(entry.id);
  if (phase.paused) throw execPaused(ref);
  return entry.run.task;
}

/** As a shell: 126 could not be executed, 127 not found; else 128, which is Docker's. */
function failedExitCode(error: unknown): number {
  return error instanceof LaunchError && error.exitCode !== 125 ? error.exitCode : 128;
}
