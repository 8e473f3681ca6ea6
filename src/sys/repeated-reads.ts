import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { readFailure } from "./read-files.ts";
import type { BlockingCalls } from "./types.ts";

const IDLE_MS = 3000;

interface Group {
  readonly paths: readonly string[];
  readonly keep: boolean;
  /** By path; -1 for what is not open. Undefined until the group is read a second time. */
  descriptors: number[] | undefined;
  readAt: number;
  /** Readings under way: nothing is closed meanwhile. */
  busy: number;
  /** The answer of this turn. */
  asked: Promise<Answers> | undefined;
}

/** Texts by path, or the negative errno. */
type Answers = readonly (string | number)[];

/**
 * Reads groups of small files of the kernel's, over and over: all groups that are asked for within one turn of the event loop
 * by one way to the thread pool, those that are asked for again with files that stayed open.
 */
export class RepeatedReads {
  readonly #native: Pick<BlockingCalls, "readFiles">;
  readonly #idleMs: number;
  readonly #groups = new Map<string, Group>();
  #queue: { group: Group; resolve: (answers: Answers | Promise<Answers>) => void; reject: (error: unknown) => void }[] =
    [];
  #sweeper: NodeJS.Timeout | undefined;

  /** @param idleMs what was not read for so long is closed. */
  constructor(native: Pick<BlockingCalls, "readFiles">, idleMs = IDLE_MS) {
    this.#native = native;
    this.#idleMs = idleMs;
  }

  /**
   * The texts of files in order, undefined for those that fail with one of `missing`.
   * @param key names the group, whose paths are always the same: they are asked for when it is new.
   * @param options.keep false for files that must not stay open.
   * @throws an Error with `code`, `path` and `syscall`, as node's are.
   */
  async read(
    key: string,
    paths: () => readonly string[],
    missing: readonly string[],
    options: { keep: boolean } = { keep: true },
  ): Promise<(string | undefined)[]> {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = {
        paths: paths(),
        keep: options.keep,
        descriptors: undefined,
        readAt: -Infinity,
        busy: 0,
        asked: undefined,
      };
      this.#groups.set(key, group);
    }
    const answers = await (group.asked ??= this.#ask(group));
    const { paths: names } = group;
    return answers.map((answer, index) => {
      if (typeof answer === "string") return answer;
      const failure = readFailure(answer, names[index] ?? "");
      if (missing.includes(failure.code)) return undefined;
      throw failure;
    });
  }

  #ask(group: Group): Promise<Answers> {
    return new Promise((resolve, reject) => {
      if (this.#queue.push({ group, resolve, reject }) === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    const now = performance.now();
    const names: string[] = [];
    const again = queue.map(({ group }) => {
      group.asked = undefined;
      group.busy++;
      const opens = group.keep && group.descriptors === undefined && now - group.readAt < this.#idleMs;
      group.readAt = now;
      group.paths.forEach((path, index) => {
        const fd = group.descriptors?.[index] ?? -1;
        names.push(fd >= 0 ? `#${fd}` : opens ? `+${path}` : path);
      });
      return opens;
    });
    this.#sweeper ??= setInterval(() => this.#sweep(), this.#idleMs).unref();
    try {
      const cursor = new Cursor(await this.#native.readFiles(Buffer.from(`${names.join("\0")}\0`)));
      queue.forEach(({ group, resolve }, index) => {
        const opens = again[index] === true;
        const answers = group.paths.map(() => cursor.next(opens));
        if (opens) group.descriptors = cursor.takeDescriptors();
        if (group.descriptors === undefined || !answers.some(isGone)) return resolve(answers);
        // What the open files belonged to has gone; there may be a new one of the same name.
        close(group);
        resolve(opens ? answers : this.#ask(group));
      });
    } catch (error) {
      for (const { reject } of queue) reject(error);
    } finally {
      for (const { group } of queue) group.busy--;
    }
  }

  #sweep(): void {
    const old = performance.now() - this.#idleMs;
    for (const [key, group] of this.#groups) {
      if (group.readAt > old || group.busy > 0 || group.asked !== undefined) continue;
      close(group);
      this.#groups.delete(key);
    }
    if (this.#groups.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

function close(group: Group): void {
  for (const fd of group.descriptors ?? []) if (fd >= 0) closeSync(fd);
  group.descriptors = undefined;
}

function isGone(answer: string | number): boolean {
  return typeof answer === "number" && getSystemErrorName(answer) === "ENODEV";
}

/** Goes over what `readFiles` gave. */
class Cursor {
  readonly #answer: Buffer;
  #at = 0;
  #descriptors: number[] = [];

  constructor(answer: Buffer) {
    this.#answer = answer;
  }

  next(hasDescriptor: boolean): string | number {
    const length = this.#integer();
    if (hasDescriptor) this.#descriptors.push(this.#integer());
    if (length < 0) return length;
    return this.#answer.toString("latin1", this.#at, (this.#at += length));
  }

  takeDescriptors(): number[] {
    const taken = this.#descriptors;
    this.#descriptors = [];
    return taken;
  }

  #integer(): number {
    const value = this.#answer.readInt32LE(this.#at);
    this.#at += 4;
    return value;
  }
}
