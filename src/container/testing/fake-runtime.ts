import type { OutputChunk, StdioStream } from "../../api/index.ts";
import { conflict, nowNanos, type ContainerId } from "../../base/index.ts";
import type {
  CgroupStats,
  ExecRequest,
  ExecTask,
  ExitRecord,
  KillOptions,
  Runtime,
  Task,
  TaskRequest,
} from "../../runtime/index.ts";
import type { LinuxResources } from "../../spec/index.ts";

/** A runtime in memory: tasks do what the test says. What "runs" outlives a daemon that is thrown away. */
export class FakeRuntime implements Runtime {
  readonly names = ["berth"];
  readonly tasks = new Map<ContainerId, FakeTask>();
  readonly calls: string[] = [];
  /** Fails the next call of that name. */
  failing: { call: string; error: Error } | undefined;
  /** When tasks exit. */
  now: () => bigint = nowNanos;
  /** Of the next tasks, in turns: processes that are there. */
  pids = [process.pid, process.ppid];

  async create(request: TaskRequest): Promise<FakeTask> {
    this.note(`create ${request.id}`);
    this.#fail("create");
    if (this.tasks.has(request.id)) throw conflict(`task ${request.id} is there already`);
    const task = new FakeTask(request, this.#nextPid(), this);
    this.tasks.set(request.id, task);
    return task;
  }

  #nextPid(): number {
    const [next = 0, ...rest] = this.pids;
    this.pids = [...rest, next];
    return next;
  }

  async recover(id: ContainerId): Promise<Task | undefined> {
    this.#fail("recover");
    const task = this.tasks.get(id);
    if (task === undefined || !task.began) this.tasks.delete(id);
    return task?.began === true ? task : undefined;
  }

  async sweep(known: ReadonlySet<ContainerId>): Promise<void> {
    for (const id of this.tasks.keys()) if (!known.has(id)) this.tasks.delete(id);
  }

  /** The task of that container. */
  task(id: string): FakeTask {
    const task = this.tasks.get(id as ContainerId); // a key that is no id finds nothing
    if (task === undefined) throw new Error(`no task of ${id}`);
    return task;
  }

  note(call: string): void {
    this.calls.push(call);
  }

  fail(call: string): void {
    this.#fail(call);
  }

  #fail(call: string): void {
    if (this.failing?.call !== call) return;
    const { error } = this.failing;
    this.failing = undefined;
    throw error;
  }
}

const SIGKILL = 9;

export class FakeTask implements Task {
  readonly id: ContainerId;
  readonly request: TaskRequest;
  readonly exited: Promise<ExitRecord>;
  readonly signals: number[] = [];
  readonly execs: ExecRequest[] = [];
  readonly streams = new Set<FakeStdio>();
  /** Signals that end it, beside SIGKILL. */
  obeys: readonly number[] = [15];
  /** What the next exec exits with. */
  execCode = 0;
  execOutput = "";
  began = false;
  outOfMemory = false;
  onOutOfMemory: () => void = () => undefined;
  paused = false;
  /** Thrown by the next pauses. */
  pauseFault: Error | undefined;
  #pid: number;
  readonly #runtime: FakeRuntime;
  readonly #exit: (record: ExitRecord) => void;
  #over = false;

  constructor(request: TaskRequest, pid: number, runtime: FakeRuntime) {
    this.id = request.id;
    this.request = request;
    this.#pid = pid;
    this.#runtime = runtime;
    const { promise, resolve } = Promise.withResolvers<ExitRecord>();
    this.exited = promise;
    this.#exit = resolve;
  }

  get pid(): number {
    return this.#over ? 0 : this.#pid;
  }

  namespacePath(kind: string): string {
    return `/proc/${this.#pid}/ns/${kind}`;
  }

  async start(): Promise<void> {
    this.#runtime.note(`start ${this.id}`);
    this.#runtime.fail("start");
    this.began = true;
  }

  /** Ends the program. */
  exit(code: number, options: Partial<ExitRecord> = {}): void {
    if (this.#over) return;
    this.#over = true;
    for (const stream of this.streams) stream.finish();
    this.#exit({ code, at: this.#runtime.now(), oomKilled: false, supervisorLost: false, ...options });
  }

  /** The program writes. */
  say(text: string, stream: "stdout" | "stderr" = "stdout"): void {
    for (const attached of this.streams) attached.push({ stream, data: Buffer.from(text) });
  }

  async kill(signal: number, options: KillOptions = {}): Promise<void> {
    this.#runtime.fail("kill");
    this.signals.push(signal);
    options.sent?.();
    if (signal === SIGKILL || this.obeys.includes(signal)) this.exit(128 + signal);
  }

  async resize(): Promise<void> {
    this.#runtime.note(`resize ${this.id}`);
  }

  async holdPort(): Promise<{ pid: number; descriptor: number }> {
    return { pid: this.#pid, descriptor: 3 };
  }

  async releasePorts(): Promise<void> {}

  async attach(): Promise<StdioStream> {
    this.#runtime.note(`attach ${this.id}`);
    const stream = new FakeStdio(this.request.spec.process.terminal, () => this.streams.delete(stream));
    if (this.#over) stream.finish();
    this.streams.add(stream);
    return stream;
  }

  async exec(request: ExecRequest): Promise<ExecTask> {
    this.#runtime.fail("exec");
    this.execs.push(request);
    const stdio = new FakeStdio(request.process.terminal, () => undefined);
    if (this.execOutput !== "") stdio.push({ stream: "stdout", data: Buffer.from(this.execOutput) });
    stdio.finish();
    const wanted = request.stdin || request.stdout || request.stderr;
    return {
      pid: this.#pid + 5000,
      stdio: wanted ? stdio : undefined,
      exited: Promise.resolve(this.execCode),
      resize: async () => undefined,
    };
  }

  async pause(): Promise<void> {
    if (this.pauseFault !== undefined) throw this.pauseFault;
    this.paused = true;
  }

  async resume(): Promise<void> {
    this.paused = false;
  }

  async update(resources: LinuxResources): Promise<void> {
    this.#runtime.note(`update ${JSON.stringify(resources)}`);
  }

  async stats(): Promise<CgroupStats> {
    return {
      readAt: nowNanos(),
      cpu: {
        totalNanos: 300,
        userNanos: 200,
        systemNanos: 100,
        perCpuNanos: [300],
        periods: 0,
        throttledPeriods: 0,
        throttledNanos: 0,
      },
      memory: { usage: 4096, limit: 8192, maxUsage: 5000, failures: 0, stats: { cache: 1 } },
      pids: { current: 2, limit: 0 },
      blockIo: [{ major: 8, minor: 0, op: "read", bytes: 512, operations: 1 }],
    };
  }

  async pids(): Promise<number[]> {
    return [process.pid];
  }

  async end(): Promise<void> {
    this.#runtime.fail("end");
  }

  async release(): Promise<void> {
    this.#runtime.note(`release ${this.id}`);
    this.exit(137);
    this.#runtime.tasks.delete(this.id);
  }
}

/** One attached client of a fake task. */
export class FakeStdio implements StdioStream {
  readonly tty: boolean;
  readonly written: string[] = [];
  inputClosed = false;
  readonly output: AsyncIterable<OutputChunk>;
  readonly #left: () => void;
  readonly #queue: OutputChunk[] = [];
  #finished = false;
  #wake: (() => void) | undefined;

  constructor(tty: boolean, left: () => void) {
    this.tty = tty;
    this.#left = left;
    this.output = this.#read();
  }

  push(chunk: OutputChunk): void {
    this.#queue.push(chunk);
    this.#wake?.();
  }

  finish(): void {
    this.#finished = true;
    this.#wake?.();
  }

  async write(data: Uint8Array): Promise<void> {
    this.written.push(Buffer.from(data).toString());
  }

  async closeInput(): Promise<void> {
    this.inputClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left();
    this.finish();
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#finished) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
