import { setImmediate } from "node:timers/promises";
import type { MessagePort } from "node:worker_threads";
import { cancelled } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { LentBody, type LentInput, LentWriter } from "../wire/index.ts";
import { overlayChanges, treeChanges } from "./changes.ts";
import { copyTree, copyWithin } from "./copy-tree.ts";
import { asRootOf, showingContainerIds } from "./owners.ts";
import { pack } from "./pack.ts";
import { pathGet, pathPut, pathStat } from "./rootfs-path.ts";
import { join } from "./split-join.ts";
import { emptyDirectory, removePath, usage } from "./tree.ts";
import { extract, readFileRegion, unpack } from "./unpack.ts";
import { fromPlain, type FromWorker, type Task, toPlain, type ToWorker } from "./worker-protocol.ts";

const PROGRESS_MS = 100;
/** So long at most a message waits while a tree is removed, or a lent input read. */
const HEAR_MS = 20;

/** The worker's side of `worker-protocol.ts`: one task at a time, its input and output in windows. */
export function serve(native: Native, port: MessagePort): void {
  let current: Running | undefined;
  port.on("message", (message: ToWorker) => {
    switch (message.type) {
      case "start":
        current = new Running(native, port, message.task, message.lent);
        void current.run();
        return;
      case "exit":
        port.close();
        return process.exit(0); // ends this thread only
      default:
        current?.take(message);
    }
  });
}

class Running {
  readonly #native: Native;
  readonly #port: MessagePort;
  readonly #task: Task;
  readonly #abort = new AbortController();
  readonly #lent: LentBody | undefined;
  readonly #input: Uint8Array<ArrayBuffer>[] = [];
  #inputEnd: { error: unknown } | undefined;
  #allowed = 1;
  #destination: LentWriter | undefined;
  #wake: (() => void) | undefined;
  #lastProgress = 0;

  constructor(native: Native, port: MessagePort, task: Task, lent: LentInput | undefined) {
    this.#native = native;
    this.#port = port;
    this.#task = task;
    this.#lent = lent === undefined ? undefined : new LentBody(native, lent);
  }

  async run(): Promise<void> {
    try {
      const result = await this.#perform(this.#task);
      this.#post({ type: "done", result, left: this.#lent?.left() });
    } catch (error) {
      const reason: unknown = this.#abort.signal.aborted ? this.#abort.signal.reason : error;
      this.#post({ type: "failed", error: toPlain(reason), left: this.#lent?.left() });
    }
  }

  take(message: Exclude<ToWorker, { type: "start" | "exit" }>): void {
    switch (message.type) {
      case "input":
        this.#input.push(message.chunk);
        break;
      case "input-end":
        this.#inputEnd = { error: undefined };
        break;
      case "input-failed":
        this.#inputEnd = { error: fromPlain(message.error) };
        break;
      case "more":
        this.#allowed += message.chunks;
        break;
      case "send-rest":
        this.#destination = new LentWriter(this.#native, message.to);
        break;
      case "abort":
        this.#abort.abort(cancelled("context canceled"));
    }
    this.#wake?.();
  }

  async #perform(task: Task): Promise<Extract<FromWorker, { type: "done" }>["result"]> {
    const native = this.#native;
    switch (task.kind) {
      case "unpack": {
        const { source, ...args } = task.args;
        return await unpack(native, args, source === "stream" ? this.#stream() : readFileRegion(source), this.#hooks());
      }
      case "extract": {
        const { source, ...args } = task.args;
        return await extract(
          native,
          args,
          source === "stream" ? this.#stream() : readFileRegion(source),
          this.#hooks(),
        );
      }
      case "join":
        return await this.#send(join(native, task.args));
      case "pack":
        return await this.#send(pack(native, task.args, this.#to));
      case "stat":
        return pathStat(native, task.args.root, task.args.path);
      case "get":
        return await this.#send(
          pathGet(showingContainerIds(native, task.args.ids), task.args.root, task.args.path, this.#to),
        );
      case "put":
        return await asRootOf(native, task.args.ids, () => pathPut(native, task.args, this.#stream(), this.#hooks()));
      case "overlayChanges":
        return overlayChanges(native, task.args.upper, task.args.lowers);
      case "treeChanges":
        return treeChanges(native, task.args.before, task.args.after);
      case "copyTree":
        return copyTree(native, task.args.from, task.args.to);
      case "copyWithin":
        return copyWithin(native, task.args);
      case "removeTree":
        return await this.#pausing(removePath(native, task.args.path));
      case "emptyDirectory":
        return emptyDirectory(native, task.args.directory);
      case "usage":
        return usage(native, task.args.root);
    }
  }

  #hooks(): { onProgress: (bytes: number) => void; signal: AbortSignal } {
    return { onProgress: (bytes) => this.#progress(bytes), signal: this.#abort.signal };
  }

  #progress(bytes: number): void {
    const now = performance.now();
    if (now - this.#lastProgress < PROGRESS_MS) return;
    this.#lastProgress = now;
    this.#post({ type: "progress", bytes });
  }

  /** The input. A chunk is valid until the next one is asked for: then its buffer goes back. */
  async *#stream(): AsyncGenerator<Uint8Array> {
    if (this.#lent !== undefined) return yield* this.#borrowed(this.#lent);
    for (;;) {
      this.#abort.signal.throwIfAborted();
      const chunk = this.#input.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#post({ type: "taken", buffer: chunk.buffer }, [chunk.buffer]);
      } else if (this.#inputEnd !== undefined) {
        if (this.#inputEnd.error !== undefined) throw this.#inputEnd.error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  async *#borrowed(body: LentBody): AsyncGenerator<Uint8Array> {
    let heard = performance.now();
    const hear = async (): Promise<void> => {
      await setImmediate();
      this.#abort.signal.throwIfAborted();
      heard = performance.now();
    };
    for await (const piece of body.pieces(hear)) {
      yield piece;
      if (performance.now() - heard >= HEAR_MS) await hear();
    }
  }

  /** Does work that may take long and gives nothing, and hears now and then whether it is to go on. */
  async #pausing(steps: Iterable<void>): Promise<undefined> {
    let heard = performance.now();
    for (const _step of steps) {
      if (performance.now() - heard < HEAR_MS) continue;
      await setImmediate();
      this.#abort.signal.throwIfAborted();
      heard = performance.now();
    }
    return undefined;
  }

  readonly #to = (): LentWriter | undefined => this.#destination;

  /** Sends what a packer makes: to the reader, never more than the window ahead of it, or where that wants it to go. */
  async #send(chunks: Iterable<Buffer>): Promise<undefined> {
    for (const chunk of chunks) {
      while (this.#allowed <= 0 && this.#destination === undefined && !this.#abort.signal.aborted) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      this.#abort.signal.throwIfAborted();
      if (this.#destination !== undefined) {
        this.#destination.bytes(chunk);
        continue;
      }
      this.#allowed--;
      // Each chunk of a packer has its buffer to itself: it is moved.
      this.#post({ type: "output", chunk }, [chunk.buffer as ArrayBuffer]); // not shared
    }
    this.#destination?.end();
    return undefined;
  }

  #post(message: FromWorker, moved: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, moved);
  }
}
