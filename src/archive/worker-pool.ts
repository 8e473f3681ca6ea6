import { Worker } from "node:worker_threads";
import { asEngineError, cancelled, type EngineError, messageOf, unknown } from "../base/index.ts";
import { borrow, type InputLeft, type OutputLoan, SEND_REST, type SendableBytes } from "../wire/index.ts";
import {
  fromPlain,
  type FromWorker,
  type Task,
  type TaskKind,
  type Tasks,
  toPlain,
  type ToWorker,
  WINDOW,
} from "./worker-protocol.ts";

/** Threads at most: streams to slow clients hold one each. */
const MAX_WORKERS = 24;
const IDLE_MS = 30_000;
/** Bytes of input that cross threads in one message. */
const INPUT_BUFFER = 256 * 1024;
const SEND_AFTER_MS = 5;

interface JobOptions {
  /** What offers a loan of its connection is read by the worker itself. */
  input?: AsyncIterable<Uint8Array>;
  onProgress?: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** Worker threads, started when they are needed and ended when they idle. Each runs one task at a time. */
export class WorkerPool implements AsyncDisposable {
  readonly #addonPath: string | undefined;
  readonly #idle: Seat[] = [];
  readonly #seats = new Set<Seat>();
  readonly #waiting: { resolve: (seat: Seat) => void; reject: (error: EngineError) => void }[] = [];
  #closed = false;

  constructor(options: { addonPath: string | undefined }) {
    this.#addonPath = options.addonPath;
  }

  /** Runs a task without output. */
  async run<K extends TaskKind>(
    kind: K,
    args: Tasks[K]["args"],
    options: JobOptions = {},
  ): Promise<Tasks[K]["result"]> {
    options.signal?.throwIfAborted();
    const seat = await this.#seat();
    try {
      return await seat.run(task(kind, args), options, undefined);
    } finally {
      this.#free(seat);
    }
  }

  /** Runs a task that gives bytes; it ends early when the reader stops. */
  stream<K extends TaskKind>(
    kind: K,
    args: Tasks[K]["args"],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> & SendableBytes {
    let output: Output | undefined;
    const pieces = this.#pieces(kind, args, signal, (opened) => (output = opened));
    const sendRest: SendableBytes[typeof SEND_REST] = async (loan) => {
      if (output === undefined) return false;
      try {
        await output.sendRest(loan);
        return true;
      } catch (error) {
        throw signal?.aborted === true ? cancelled("context canceled") : error;
      } finally {
        await pieces.return(undefined);
      }
    };
    return Object.assign(pieces, { [SEND_REST]: sendRest });
  }

  async *#pieces<K extends TaskKind>(
    kind: K,
    args: Tasks[K]["args"],
    signal: AbortSignal | undefined,
    onOpen: (output: Output) => void,
  ): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const seat = await this.#seat();
    const output = new Output(seat);
    onOpen(output);
    const done = seat.run(task(kind, args), { signal }, output).then(
      () => output.end(undefined),
      (error: unknown) => output.end(asEngineError(error)),
    );
    try {
      yield* output;
    } finally {
      seat.abort();
      await done;
      this.#free(seat);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(closed());
    await Promise.all([...this.#seats].map((seat) => seat.stop()));
  }

  async #seat(): Promise<Seat> {
    if (this.#closed) throw closed();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#seats.size >= MAX_WORKERS) {
      return await new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    const seat: Seat = new Seat(this.#addonPath, () => this.#gone(seat));
    this.#seats.add(seat);
    return seat;
  }

  #free(seat: Seat): void {
    if (!this.#seats.has(seat)) return;
    const next = this.#waiting.shift();
    if (next !== undefined) return next.resolve(seat);
    this.#idle.push(seat);
    seat.rest(IDLE_MS, () => this.#retire(seat));
  }

  /** Takes a seat out of use: it is told to exit, or has. */
  #retire(seat: Seat): void {
    const at = this.#idle.indexOf(seat);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #gone(seat: Seat): void {
    this.#seats.delete(seat);
    this.#retire(seat);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#seat().then(next.resolve, next.reject);
  }
}

const closed = () => cancelled("the archive workers are closed");

/** The pair of kind and arguments that a task is. */
function task<K extends TaskKind>(kind: K, args: Tasks[K]["args"]): Task {
  // TypeScript does not see that a pair from one K is a member of the union over all K.
  return { kind, args } as Task;
}

/** One thread and the task that it has. */
class Seat {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #on: ((message: FromWorker) => void) | undefined;
  #died: EngineError | undefined;
  /** A connection that the worker writes to. */
  #loan: OutputLoan | undefined;

  constructor(addonPath: string | undefined, onGone: () => void) {
    this.#worker = new Worker(workerEntry(), { workerData: { addonPath } });
    this.#worker.on("message", (message: FromWorker) => this.#on?.(message));
    this.#worker.on("error", (error) => this.#fail(unknown(`archive worker: ${messageOf(error)}`, { cause: error })));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        clearTimeout(this.#timer);
        this.#fail(unknown("the archive worker has ended"));
        onGone();
        resolve();
      });
    });
  }

  async run<R>(task: Task, options: JobOptions, output: Output | undefined): Promise<R> {
    if (this.#died !== undefined) throw this.#died;
    clearTimeout(this.#timer);
    this.#worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const loan = options.input === undefined ? undefined : borrow(options.input);
    const input = options.input === undefined || loan !== undefined ? undefined : new Input(this, options.input);
    let left: InputLeft | undefined;
    this.#on = (message) => {
      switch (message.type) {
        case "taken":
          return input?.taken(message.buffer);
        case "output":
          return output?.push(message.chunk);
        case "progress":
          return options.onProgress?.(message.bytes);
        case "done":
          ({ left } = message);
          // The worker answers a task with that task's result.
          return resolve(message.result as R);
        case "failed":
          ({ left } = message);
          return reject(fromPlain(message.error));
      }
    };
    const abort = () => this.abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    this.post({ type: "start", task, lent: loan?.lent });
    if (options.signal?.aborted === true) this.abort();
    const feeding = input?.feed();
    try {
      return await promise;
    } catch (error) {
      // A worker that reads from a connection may see the client's end before it hears of the abort.
      throw loan !== undefined && options.signal?.aborted === true ? cancelled("context canceled") : error;
    } finally {
      this.#on = undefined;
      this.#loan = undefined;
      options.signal?.removeEventListener("abort", abort);
      loan?.giveBack(left);
      input?.stop();
      await feeding;
    }
  }

  post(message: ToWorker, moved: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, moved);
  }

  abort(): void {
    if (this.#on === undefined) return;
    this.post({ type: "abort" });
    this.#loan?.cut();
  }

  /** The worker writes to the connection; an abort cuts it. */
  lend(loan: OutputLoan): void {
    if (this.#on === undefined) return;
    this.#loan = loan;
    this.post({ type: "send-rest", to: loan.lent });
  }

  /** Nothing to do: the thread no longer keeps the process alive, and ends after a while. */
  rest(idleMs: number, onExpired: () => void): void {
    this.#worker.unref();
    this.#timer = setTimeout(() => {
      onExpired();
      this.post({ type: "exit" });
    }, idleMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    // Whichever the thread comes to first: to tell of the abort, or to end.
    this.#died ??= closed();
    this.abort();
    this.post({ type: "exit" });
    await this.#exited;
  }

  #fail(error: EngineError): void {
    this.#died ??= error;
    this.#on?.({ type: "failed", error: toPlain(this.#died) });
  }
}

/**
 * Carries a stream to the worker, in a window of buffers that go to and fro: sources give small pieces, and a message or
 * fresh memory for each of them would cost more than the copy does.
 */
class Input {
  readonly #seat: Seat;
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #free: ArrayBuffer[] = [];
  #toMake = WINDOW;
  #filling: { into: Uint8Array<ArrayBuffer>; used: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(seat: Seat, source: AsyncIterable<Uint8Array>) {
    this.#seat = seat;
    this.#source = source;
  }

  async feed(): Promise<void> {
    const iterator = this.#source[Symbol.asyncIterator]();
    try {
      for (;;) {
        // A source that hangs must not hold the task's end.
        const next = await this.#unlessStopped(iterator.next());
        if (next === undefined || this.#stopped) break;
        if (next.done === true) {
          this.#send();
          return this.#seat.post({ type: "input-end" });
        }
        await this.#add(next.value);
        if (this.#stopped) break;
      }
      // Not awaited: a source that hangs in `next` would hang here, too.
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    } catch (error) {
      if (!this.#stopped) this.#seat.post({ type: "input-failed", error: toPlain(error) });
    }
  }

  /** The worker has used up a buffer. */
  taken(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wake?.();
    this.#onStop();
  }

  #onStop: () => void = () => undefined;

  /**
   * Undefined when `stop` comes first. No Promise.race with a promise that lasts: it would keep every result of every race
   * until that one settles, which is to say the whole stream.
   */
  #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#onStop = () => resolve(undefined);
      work.then(resolve, reject);
    });
  }

  async #add(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) {
      const filling = (this.#filling ??= { into: new Uint8Array(await this.#buffer()), used: 0 });
      if (this.#stopped) return;
      const part = piece.subarray(at, at + filling.into.length - filling.used);
      filling.into.set(part, filling.used);
      filling.used += part.length;
      at += part.length;
      if (filling.used === filling.into.length) this.#send();
    }
    // What a slow source has given must not wait for the rest of its buffer.
    if (this.#filling !== undefined) this.#timer ??= setTimeout(() => this.#send(), SEND_AFTER_MS);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const filled = this.#filling;
    if (filled === undefined) return;
    this.#filling = undefined;
    this.#seat.post({ type: "input", chunk: filled.into.subarray(0, filled.used) }, [filled.into.buffer]);
  }

  async #buffer(): Promise<ArrayBuffer> {
    for (;;) {
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#toMake > 0 || this.#stopped) {
        this.#toMake--;
        return new ArrayBuffer(INPUT_BUFFER);
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Chunks from the worker, which sends a window's worth before it waits for the reader. */
class Output implements AsyncIterable<Uint8Array> {
  readonly #seat: Seat;
  readonly #chunks: Uint8Array[] = [];
  #first = true;
  #ended: { error: EngineError | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  end(error: EngineError | undefined): void {
    this.#ended = { error };
    this.#wake?.();
  }

  /** In place of the second chunk and those after it. */
  async sendRest(loan: OutputLoan): Promise<void> {
    this.#seat.lend(loan);
    while (this.#ended === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#ended.error !== undefined) throw this.#ended.error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        if (!this.#first) this.#seat.post({ type: "more", chunks: 1 });
        yield chunk;
        if (this.#first) this.#seat.post({ type: "more", chunks: WINDOW });
        this.#first = false;
      } else if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}

/** The worker's module: beside this file in the source tree, an entry of its own in the compiled executable. */
function workerEntry(): URL | string {
  return import.meta.url.includes("/$bunfs/")
    ? "./archive/archive-worker.ts"
    : new URL("./archive-worker.ts", import.meta.url);
}
