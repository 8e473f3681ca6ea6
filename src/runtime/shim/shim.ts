import { setTimeout as delay } from "node:timers/promises";
import { ShimConnection, type ExitEvent, type TakeOver } from "./connection.ts";
import { connectionLost, noAnswer, ShimError } from "./errors.ts";
import { launchShim, socketPath, type ShimProgram } from "./launcher.ts";
import { AttachFlag, ProcessFlag, SHIM_STATES, type MessageName, type ShimStateName } from "./protocol.ts";
import { readExitRecord, removeExecRecord } from "./records.ts";
import { openStream, SpareConnection } from "./spare-connection.ts";
import { ShimStdio } from "./stdio.ts";
import { PayloadWriter, type PayloadReader } from "./wire.ts";

/** What the shim is told of a container, however it is made. */
export interface ContainerOptions {
  readonly tty: boolean;
  /** Stdin is open; otherwise /dev/null. */
  readonly stdin: boolean;
  /** Stdin ends with the first client that ends its input. */
  readonly stdinOnce: boolean;
  readonly log:
    | {
        readonly path: string;
        /** Bytes before rotation; 0: never. */
        readonly maxSize: number;
        readonly maxFiles: number;
        /** A JSON object that becomes each entry's `attrs`. */
        readonly attributes?: Readonly<Record<string, string>>;
        /** No file is rotated away before its sticky bit says that it was delivered. */
        readonly holds?: boolean;
      }
    | undefined;
  /** File with an "oom_kill N" line: memory.events (v2) or memory.oom_control (v1). */
  readonly oomEvents: string | undefined;
}

export interface CreateOptions extends ContainerOptions {
  /** `encodePlan` of a plan with `spawn_init` and `wait_start`. */
  readonly plan: Uint8Array;
}

/** Programs of another OCI runtime, run by the shim with the process's stdio. */
export interface ExternalProgram {
  /** Argument list of its `create`, or of its `exec --detach`: must end by itself and leave a pid in `pidFile`. */
  readonly argv: readonly string[];
  readonly pidFile: string;
  /** With a terminal: where the shim listens for its master (at most 107 bytes). */
  readonly consoleSocket: string | undefined;
}

export interface ExternalCreateOptions extends ContainerOptions {
  readonly program: ExternalProgram;
  /** Argument list of its `start`. */
  readonly startArgv: readonly string[];
}

/** What the shim is told of an exec, however it is made. */
export interface ExecProcessOptions {
  /** Letters, digits, - and _; at most 128. */
  readonly id: string;
  readonly tty: boolean;
  /** Stdin is open; it ends with the first client that ends its input. */
  readonly stdin: boolean;
  /** A client from the first byte on; undefined: output is dropped until somebody attaches. */
  readonly attach: Omit<AttachOptions, "execId"> | undefined;
}

export interface ExecOptions extends ExecProcessOptions {
  /** `encodePlan` of a plan with `spawn_init` and without `wait_start`. */
  readonly plan: Uint8Array;
}

export interface ExternalExecOptions extends ExecProcessOptions {
  readonly program: ExternalProgram;
}

export interface AttachOptions {
  /** Undefined: PID 1. */
  readonly execId?: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: Uint8Array;
  /** A client that takes nothing for so long is cut off; until then it holds the process back. Default 10 min; 0: never. */
  readonly stallMs?: number;
}

export interface ShimState {
  readonly state: ShimStateName;
  /** 0 when there is no process (any more). */
  readonly pid: number;
  readonly startedAt: bigint;
  readonly exit: { readonly code: number; readonly at: bigint; readonly oom: boolean } | undefined;
  readonly tty: boolean;
  /** The container was out of memory. */
  readonly oom: boolean;
  /** Log entries that a full disk swallowed. */
  readonly logDropped: bigint;
  /** Those that have not ended. */
  readonly execs: ReadonlyArray<{ readonly id: string; readonly pid: number; readonly tty: boolean }>;
}

export interface StartedExec {
  readonly pid: number;
  readonly stdio: ShimStdio | undefined;
}

/** A shim that waits for its container. It ends with this process, or when it is closed. */
export interface SpareShim {
  /** It is there no more, or was closed. */
  readonly ended: Promise<void>;
  /** @param directory to which the shim's has been moved. */
  claim(directory: string): Shim;
  /** Another one, in an empty 0700 directory: a fork of this one, without a program to load. @throws ShimError. */
  fork(directory: string): Promise<SpareShim>;
  close(): void;
}

const DEFAULT_STALL_MS = 600_000;

/** What connecting to a shim gives that is not there. Any other failure says nothing about the shim. */
const NOBODY_LISTENS = ["ENOENT", "ECONNREFUSED"];
/** Milliseconds between two tries to reach a shim. */
const FIRST_WAIT = 10;
const LAST_WAIT = 1000;
/** Milliseconds that a shim may take to answer whoever looks for it; it is stopped, or the host is in trouble, otherwise. */
const PATIENCE = 10_000;

/**
 * A container's supervisor, as seen by the daemon. Many may hold the same shim; each has connections of its own. One that
 * breaks is made anew: only a shim that nobody can connect to any more is lost.
 */
export class Shim {
  readonly directory: string;
  /** The shim's own pid, in this process's pid namespace. */
  readonly pid: number;
  /** Settles when the shim was let go of (`close`, `shutdown`), or has died. */
  readonly lost: Promise<void>;
  readonly #socket: string;
  readonly #end: () => void;
  #control: ShimConnection;
  /** The connection broke, and it is not known yet whether the shim is there. */
  #reconnecting: Promise<void> | undefined;
  readonly #exits = new Map<string, PromiseWithResolvers<ExitEvent>>();
  readonly #spare: SpareConnection;
  /** The container is out of memory. */
  onOutOfMemory: () => void = () => undefined;
  #letGo = false;
  #ended = false;

  /** @param control a connection on which nothing but hello was said. */
  constructor(directory: string, control: ShimConnection, pid: number) {
    this.directory = directory;
    this.pid = pid;
    this.#socket = socketPath(directory);
    this.#spare = new SpareConnection(this.#socket);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.#end = resolve;
    this.#control = control;
    this.#use(control);
  }

  /** A new shim in an empty 0700 directory, claimed by this connection. */
  static async launch(program: ShimProgram, directory: string, signal?: AbortSignal): Promise<Shim> {
    signal?.throwIfAborted();
    await launchShim(program, directory);
    return await Shim.connect(directory, signal);
  }

  /** A new shim in an empty 0700 directory that waits for its container, held by this process. */
  static async spare(program: ShimProgram, directory: string): Promise<SpareShim> {
    await launchShim(program, directory);
    return await openSpare(directory);
  }

  /** The shim of that directory, such as after a restart. @throws ShimError ENOENT, ECONNREFUSED when there is none. */
  static async connect(directory: string, signal?: AbortSignal): Promise<Shim> {
    const { control, pid } = await openControl(directory, signal);
    return new Shim(directory, control, pid);
  }

  /**
   * The shim of that directory; undefined when there is none (any more).
   * @throws ShimError when it cannot be told for a while: it is stopped, no descriptor is left, or it hangs up each time.
   */
  static async find(directory: string): Promise<Shim | undefined> {
    const limit = AbortSignal.timeout(PATIENCE);
    for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LAST_WAIT)) {
      try {
        return await Shim.connect(directory, limit);
      } catch (error) {
        if (isNobody(error)) return undefined;
        if (limit.aborted) throw noAnswer(directory, error);
      }
      await delay(wait);
    }
  }

  #use(control: ShimConnection): void {
    this.#control = control;
    control.onExit = (event) => this.#exitOf(event.execId).resolve(event);
    control.onOutOfMemory = () => this.onOutOfMemory();
    void control.ended.then(() => {
      if (this.#letGo) this.#isLost();
      else this.#reconnecting = this.#reconnect();
    });
  }

  #isLost(): void {
    this.#ended = true;
    this.#spare.close();
    for (const exit of this.#exits.values()) exit.reject(connectionLost());
    this.#end();
  }

  async #reconnect(): Promise<void> {
    for (let wait = FIRST_WAIT; !this.#letGo; wait = Math.min(wait * 2, LAST_WAIT)) {
      try {
        const { control } = await openControl(this.directory);
        this.#use(control);
        if (this.#letGo) control.close();
        else await this.#takeRecords();
        return;
      } catch (error) {
        if (isNobody(error)) break;
      }
      await delay(wait);
    }
    this.#isLost();
  }

  /** Exits that nobody heard of while there was no connection. */
  async #takeRecords(): Promise<void> {
    for (const [execId, exit] of this.#exits) {
      const recorded = await readExitRecord(this.directory, execId).catch(() => undefined);
      if (recorded !== undefined) exit.resolve(recorded);
    }
  }

  /** A request that does no harm when it is made twice: a connection that breaks under it is no failure. */
  async #ask(name: MessageName, payload: () => PayloadWriter = () => new PayloadWriter()): Promise<PayloadReader> {
    await this.#reconnecting;
    const control = this.#control;
    try {
      return await control.request(name, payload());
    } catch (error) {
      if (!(error instanceof ShimError) || error.errno !== "EPIPE" || this.#letGo) throw error;
      // The request's failure comes before the news of the connection's end.
      await control.ended;
      await this.#reconnecting;
      return await this.#control.request(name, payload());
    }
  }

  /** Makes PID 1 up to `wait_start`; its pid. @throws PlanFailure (nothing is left then), ShimError. */
  async create(options: CreateOptions): Promise<number> {
    this.#exitOf("");
    const reply = await this.#control.request("create", containerPayload(options).bytes(options.plan));
    return reply.u32();
  }

  /**
   * Makes the container by another runtime's `create`; its PID 1 becomes a child of the shim. The runtime says on stderr
   * (a client of the container) or in its own log file what went wrong; its bundle and its `delete` are the caller's.
   * @throws PlanFailure ECHILD when the program failed.
   */
  async createExternal(options: ExternalCreateOptions): Promise<number> {
    this.#exitOf("");
    const payload = programPayload(containerPayload(options), options.program).texts(options.startArgv);
    return (await this.#control.request("externalCreate", payload)).u32();
  }

  /** Lets PID 1 go on from `wait_start`; when its program runs: the instant. @throws PlanFailure of `exec` or what is before it. */
  async start(): Promise<bigint> {
    return (await this.#control.request("start")).u64();
  }

  async state(): Promise<ShimState> {
    return readState(await this.#ask("state"));
  }

  /** @throws ShimError ESRCH when it has ended. */
  async kill(signal: number, execId = ""): Promise<void> {
    await this.#ask("kill", () => new PayloadWriter().text(execId).u32(signal));
  }

  /** @throws ShimError ENOTTY without a terminal, ESRCH when it has ended. */
  async resize(size: { height: number; width: number }, execId = ""): Promise<void> {
    await this.#ask("resize", () => new PayloadWriter().text(execId).u32(size.height).u32(size.width));
  }

  async closeStdin(execId = ""): Promise<void> {
    await this.#ask("closeStdin", () => new PayloadWriter().text(execId));
  }

  /** Joins a process's stdio from now on. @throws ShimError ESRCH when there is no such process. */
  async attach(options: AttachOptions, signal?: AbortSignal): Promise<ShimStdio> {
    const connection = await openStream(this.#socket, signal);
    try {
      return await attachOver(connection, options);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Runs a further process in the container. @throws PlanFailure, ShimError ESRCH when the container does not run. */
  exec(options: ExecOptions, signal?: AbortSignal): Promise<StartedExec> {
    return this.#exec("exec", options, execPayload(options).bytes(options.plan), signal);
  }

  /** The same by another runtime's `exec --detach`. */
  execExternal(options: ExternalExecOptions, signal?: AbortSignal): Promise<StartedExec> {
    return this.#exec("externalExec", options, programPayload(execPayload(options), options.program), signal);
  }

  /**
   * Settles when PID 1 (no id) or the exec has ended and its output has drained (at most 2 s later), also when that was
   * before this connection. @throws ShimError EPIPE when the shim went away without saying so.
   */
  async waitExit(execId = ""): Promise<ExitEvent> {
    // Of what was started over this connection the event comes, or its loss is noticed.
    const awaited = this.#exits.has(execId);
    const { promise } = this.#exitOf(execId);
    promise.catch(() => undefined);
    const recorded = awaited ? undefined : await readExitRecord(this.directory, execId);
    if (recorded !== undefined) this.#exitOf(execId).resolve(recorded);
    try {
      return await promise;
    } catch (error) {
      // It may have been recorded in between, just before the shim's end.
      const late = await readExitRecord(this.directory, execId);
      if (late !== undefined) return late;
      throw error;
    }
  }

  /** An exec's exit is known: its record can go. */
  async forgetExec(execId: string): Promise<void> {
    this.#exits.delete(execId);
    this.#spare.provide();
    await removeExecRecord(this.directory, execId);
  }

  /**
   * Holds an address of the host as long as the shim lives; gives the port (chosen by the kernel for 0) and the shim's
   * descriptor, of which another process may take a duplicate.
   * @param listens a TCP socket takes connections, which wait until somebody accepts them.
   * @throws ShimError EADDRINUSE, EADDRNOTAVAIL, EACCES.
   */
  async reservePort(
    address: Uint8Array,
    protocol: number,
    port: number,
    listens = false,
  ): Promise<{ port: number; descriptor: number }> {
    const family = address.length === 4 ? 2 : 10; // AF_INET, AF_INET6
    const payload = new PayloadWriter()
      .u32(family)
      .u32(protocol)
      .bytes(address)
      .u32(port)
      .u32(listens ? 1 : 0);
    const reply = await this.#control.request("reservePort", payload);
    return { port: reply.u32(), descriptor: reply.u32() };
  }

  /** @param descriptors as `reservePort` gave them; undefined: all. */
  async releasePorts(descriptors: readonly number[] | undefined): Promise<void> {
    if (descriptors?.length === 0) return;
    const payload = new PayloadWriter();
    for (const descriptor of descriptors ?? []) payload.u32(descriptor);
    await this.#control.request("releasePorts", payload);
  }

  /** Acknowledges the exit; kills what still runs. The shim ends when its clients have taken what is left for them. */
  async shutdown(): Promise<void> {
    await this.#ask("shutdown");
    this.close();
  }

  /** Lets go of the shim; it and its container go on (unless nothing was created in it). */
  close(): void {
    this.#letGo = true;
    this.#spare.close();
    this.#control.close();
  }

  async #exec(
    request: "exec" | "externalExec",
    options: ExecProcessOptions,
    payload: PayloadWriter,
    signal: AbortSignal | undefined,
  ): Promise<StartedExec> {
    // Asked for before it can end, so that its exit is not missed.
    const exit = this.#exitOf(options.id);
    exit.promise.catch(() => undefined);
    if (options.attach === undefined) {
      try {
        return { pid: (await this.#control.request(request, payload)).u32(), stdio: undefined };
      } catch (error) {
        this.#exits.delete(options.id);
        throw error;
      }
    }
    // One connection and one turn for exec and attach: output is held until the attach, or this connection's end.
    const connection = this.#spare.take() ?? (await openStream(this.#socket, signal));
    try {
      const started = connection.request(request, payload);
      const attached = attachOver(connection, { ...options.attach, execId: options.id });
      attached.catch(() => undefined); // when the exec failed, that says why
      const pid = (await started).u32();
      return { pid, stdio: await attached };
    } catch (error) {
      this.#exits.delete(options.id);
      connection.close();
      throw error;
    }
  }

  #exitOf(execId: string): PromiseWithResolvers<ExitEvent> {
    let exit = this.#exits.get(execId);
    if (exit === undefined) {
      exit = Promise.withResolvers<ExitEvent>();
      // Whoever waits sees the rejection; nobody has to wait.
      exit.promise.catch(() => undefined);
      if (this.#ended) exit.reject(connectionLost());
      else this.#exits.set(execId, exit);
    }
    return exit;
  }
}

async function openSpare(directory: string): Promise<SpareShim> {
  const { control, pid } = await openControl(directory);
  return {
    ended: control.ended,
    claim: (moved) => new Shim(moved, control, pid),
    fork: async (other) => {
      await control.request("fork", new PayloadWriter().text(socketPath(other)));
      return await openSpare(other);
    },
    close: () => control.close(),
  };
}

async function openControl(directory: string, signal?: AbortSignal): Promise<{ control: ShimConnection; pid: number }> {
  const control = await ShimConnection.open(socketPath(directory), signal);
  const hangUp = () => control.close();
  signal?.addEventListener("abort", hangUp);
  try {
    const { pid } = await control.hello(true);
    return { control, pid };
  } catch (error) {
    control.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", hangUp);
  }
}

function isNobody(error: unknown): boolean {
  return error instanceof ShimError && NOBODY_LISTENS.includes(error.errno);
}

function containerPayload(options: ContainerOptions): PayloadWriter {
  const { log } = options;
  const attributes =
    log?.attributes === undefined || Object.keys(log.attributes).length === 0
      ? ""
      : `,"attrs":${JSON.stringify(log.attributes)}`;
  return new PayloadWriter()
    .u32(
      (options.tty ? ProcessFlag.tty : 0) |
        (options.stdin ? ProcessFlag.stdin : 0) |
        (options.stdinOnce ? ProcessFlag.stdinOnce : 0) |
        (log?.holds === true ? ProcessFlag.logHolds : 0),
    )
    .text(log?.path ?? "")
    .u64(log?.maxSize ?? 0)
    .u32(log?.maxFiles ?? 1)
    .text(attributes)
    .text(options.oomEvents ?? "");
}

function execPayload(options: ExecProcessOptions): PayloadWriter {
  return new PayloadWriter()
    .text(options.id)
    .u32(
      (options.tty ? ProcessFlag.tty : 0) |
        (options.stdin ? ProcessFlag.stdin | ProcessFlag.stdinOnce : 0) |
        (options.attach === undefined ? 0 : ProcessFlag.holdOutput),
    );
}

function programPayload(payload: PayloadWriter, program: ExternalProgram): PayloadWriter {
  return payload
    .text(program.pidFile)
    .text(program.consoleSocket ?? "")
    .texts(program.argv);
}

function attachOver(connection: ShimConnection, options: AttachOptions): Promise<ShimStdio> {
  const payload = new PayloadWriter()
    .text(options.execId ?? "")
    .u32(
      (options.stdin ? AttachFlag.stdin : 0) |
        (options.stdout ? AttachFlag.stdout : 0) |
        (options.stderr ? AttachFlag.stderr : 0),
    )
    .u32(options.stallMs ?? DEFAULT_STALL_MS);
  const { promise, resolve, reject } = Promise.withResolvers<ShimStdio>();
  const takeOver: TakeOver = (socket, rest, reply) =>
    resolve(new ShimStdio(socket, reply.u32() !== 0, options.detachKeys, rest));
  connection.request("attach", payload, takeOver).catch(reject);
  return promise;
}

function readState(reply: PayloadReader): ShimState {
  const state = SHIM_STATES[reply.u32()] ?? "claimed";
  const pid = reply.u32();
  const startedAt = reply.u64();
  const code = reply.i32();
  const at = reply.u64();
  const oom = reply.u32() !== 0;
  const flags = reply.u32();
  const logDropped = reply.u64();
  const execs = [];
  for (let count = reply.u32(); count > 0; count--) {
    const id = reply.text();
    execs.push({ id, pid: reply.u32(), tty: (reply.u32() & ProcessFlag.tty) !== 0 });
  }
  return {
    state,
    pid,
    startedAt,
    exit: state === "exited" ? { code, at, oom } : undefined,
    tty: (flags & ProcessFlag.tty) !== 0,
    oom,
    logDropped,
    execs,
  };
}
