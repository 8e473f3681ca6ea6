import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { readFailure } from "./read-files.ts";
import type { BlockingCalls } from "./types.ts";

const IDLE_MS = 3000;

/** What files are read for. */
export interface Reading<T> {
  /** Errnos of files that are then undefined: of all others a failure is one. */
  readonly missing: readonly string[];
  /** Makes of a group's texts, in the order of its paths, what is asked for. Only when a text has changed. */
  readonly parse: (texts: readonly (string | undefined)[]) => T;
  /** What was not read for so many milliseconds is closed. */
  readonly idleMs?: number;
}

interface Group<T> {
  readonly paths: readonly string[];
  readonly keep: boolean;
  /** By path; -1 for what is not open. Undefined until the group is read a second time. */
  descriptors: number[] | undefined;
  readAt: number;
  /** Readings under way: nothing is closed meanwhile. */
  busy: number;
  /** The answer of this turn. */
  asked: Promise<T> | undefined;
  /** What was read, as it came, and what was made of it. */
  last: { bytes: Buffer; made: T } | undefined;
}

/** A text, or the negative errno. */
type Answer = string | number;

/**
 * Reads groups of small files of the kernel's, over and over: all groups that are asked for within one turn of the event loop
 * by one way to the thread pool, those that are asked for again with files that stayed open. What has not changed is compared
 * as bytes, and gives what was made of it before.
 */
export class RepeatedReads<T> {
  readonly #native: Pick<BlockingCalls, "readFiles">;
  readonly #reading: Reading<T>;
  readonly #idleMs: number;
  readonly #groups = new Map<string, Group<T>>();
  #queue: { group: Group<T>; resolve: (made: T | Promise<T>) => void; reject: (error: unknown) => void }[] = [];
  #sweeper: NodeJS.Timeout | undefined;

  constructor(native: Pick<BlockingCalls, "readFiles">, reading: Reading<T>) {
    this.#native = native;
    this.#reading = reading;
    this.#idleMs = reading.idleMs ?? IDLE_MS;
  }

  /**
   * What the files make now; not to be changed, others may have it too.
   * @param key names the group, whose paths are always the same: they are asked for when it is new.
   * @param options.keep false for files that must not stay open.
   * @throws an Error with `code`, `path` and `syscall`, as node's are.
   */
  read(key: string, paths: () => readonly string[], options: { keep: boolean } = { keep: true }): Promise<T> {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = {
        paths: paths(),
        keep: options.keep,
        descriptors: undefined,
        readAt: -Infinity,
        busy: 0,
        asked: undefined,
        last: undefined,
      };
      this.#groups.set(key, group);
    }
    return (group.asked ??= this.#ask(group));
  }

  #ask(group: Group<T>): Promise<T> {
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
      queue.forEach(({ group, resolve, reject }, index) => {
        try {
          resolve(again[index] === true ? this.#takeOpened(group, cursor) : this.#take(group, cursor));
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      for (const { reject } of queue) reject(error);
    } finally {
      for (const { group } of queue) group.busy--;
    }
  }

  #take(group: Group<T>, cursor: Cursor): T | Promise<T> {
    const { last } = group;
    if (last !== undefined && cursor.skip(last.bytes)) return last.made;
    const from = cursor.at;
    const answers = group.paths.map(() => cursor.next());
    group.last = undefined;
    if (group.descriptors !== undefined && answers.some(isGone)) {
      // What the open files belonged to has gone; there may be a new one of the same name.
      close(group);
      return this.#ask(group);
    }
    const bytes = cursor.since(from);
    const made = this.#make(group, answers);
    group.last = { bytes, made };
    return made;
  }

  /** The first answer of files that stay open from now on: their descriptors are among the bytes. */
  #takeOpened(group: Group<T>, cursor: Cursor): T {
    const descriptors: number[] = [];
    const answers = group.paths.map(() => cursor.next(descriptors));
    group.descriptors = descriptors;
    if (answers.some(isGone)) close(group);
    return this.#make(group, answers);
  }

  #make(group: Group<T>, answers: readonly Answer[]): T {
    const texts = answers.map((answer, index) => {
      if (typeof answer === "string") return answer;
      const failure = readFailure(answer, group.paths[index] ?? "");
      if (this.#reading.missing.includes(failure.code)) return undefined;
      throw failure;
    });
    return this.#reading.parse(texts);
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

function close(group: Group<unknown>): void {
  for (const fd of group.descriptors ?? []) if (fd >= 0) closeSync(fd);
  group.descriptors = undefined;
}

function isGone(answer: Answer): boolean {
  return typeof answer === "number" && getSystemErrorName(answer) === "ENODEV";
}

/** Goes over what `readFiles` gave. */
class Cursor {
  readonly #answer: Buffer;
  at = 0;

  constructor(answer: Buffer) {
    this.#answer = answer;
  }

  /** Passes over these bytes if they are what comes next. Lengths are among them: no others begin like them. */
  skip(bytes: Buffer): boolean {
    const end = this.at + bytes.length;
    if (end > this.#answer.length || this.#answer.compare(bytes, 0, bytes.length, this.at, end) !== 0) return false;
    this.at = end;
    return true;
  }

  /** A copy, which does not hold the whole answer. */
  since(from: number): Buffer {
    return Buffer.from(this.#answer.subarray(from, this.at));
  }

  /** @param descriptors takes that of the file, where the answer has it. */
  next(descriptors?: number[]): Answer {
    const length = this.#integer();
    descriptors?.push(this.#integer());
    if (length < 0) return length;
    return this.#answer.toString("latin1", this.at, (this.at += length));
  }

  #integer(): number {
    const value = this.#answer.readInt32LE(this.at);
    this.at += 4;
    return value;
  }
}
