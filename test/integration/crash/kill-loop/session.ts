import { setTimeout as delay } from "node:timers/promises";
import type { Answer } from "../../../support/api.ts";
import { openStream, type Streamed } from "../../../support/stream.ts";
import type { TestEngine } from "../../../support/engine.ts";
import { netdOf, shims } from "../../../support/host.ts";
import { eventually } from "../../../support/wait.ts";
import type { Collectors } from "./collectors.ts";
import type { Random } from "./random.ts";

/** An engine that is killed and started again under its clients, and what they found wrong. */
export class Session {
  readonly engine: TestEngine;
  /** Where logs are sent, besides being kept; undefined: nowhere. */
  readonly collectors: Collectors | undefined;
  readonly violations: string[] = [];
  /** What clients did, and how often. */
  readonly operations = new Map<string, number>();
  /** Calls that were begun, and those of them that a kill cut short. */
  calls = 0;
  interrupted = 0;
  /** Counts the daemons. */
  epoch = 0;
  over = false;
  /** The container whose supervisor is left alone. */
  spared: string | undefined;
  /** Containers whose supervisor was killed, by the first digits of their ids: they end as they are. */
  readonly #bereaved = new Set<string>();
  #alive: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  /** Resolve when so many calls were begun. */
  #watchers: Array<{ at: number; reached: () => void }> = [];

  constructor(engine: TestEngine, collectors?: Collectors) {
    this.engine = engine;
    this.collectors = collectors;
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  did(operation: string): void {
    this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
  }

  /** Kills the supervisor of some container. @returns false when none has one. */
  killSupervisor(random: Random): boolean {
    const victim = random.pick(shims(this.engine).filter(({ id }) => this.spared?.startsWith(id) !== true));
    if (victim === undefined) return false;
    this.#bereaved.add(victim.id);
    return endAtOnce(victim.pid);
  }

  /** Kills what serves names and relays ports. @returns false when there is none. */
  killNetd(): boolean {
    const pid = netdOf(this.engine);
    return pid !== undefined && endAtOnce(pid);
  }

  /** Its supervisor was killed: what it had not handed over is gone, and it is not told how it would have ended. */
  isBereaved(id: string): boolean {
    return this.#bereaved.has(id.slice(0, 32));
  }

  /** Settles when so many more calls were begun. */
  moreCalls(count: number): Promise<void> {
    return new Promise((reached) => this.#watchers.push({ at: this.calls + count, reached }));
  }

  /**
   * Kills the daemon and starts the next one; clients wait meanwhile.
   * @param hasty milliseconds after which a daemon in between is killed, too, while it still recovers.
   */
  async killAndStart(hasty?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alive = promise;
    this.#open = resolve;
    try {
      if (this.engine.hasEnded) this.violated(`daemon ${this.epoch} ended by itself:\n${await this.engine.log()}`);
      await this.engine.kill9();
      if (hasty !== undefined) await this.#startAndKill(hasty);
      await this.engine.start();
      this.epoch += 1;
    } finally {
      this.#open();
    }
  }

  async #startAndKill(after: number): Promise<void> {
    const starting = this.engine.start().catch(() => undefined); // it is killed before it answers, or just then
    await delay(after);
    await this.engine.kill9();
    await starting;
  }

  /** One call; undefined when the daemon was killed before its answer came. */
  async call(method: string, path: string, body?: unknown): Promise<Answer | undefined> {
    await this.#begin();
    const { epoch } = this;
    try {
      return await this.engine.api(method, path, body);
    } catch (error) {
      await this.#alive;
      if (epoch === this.epoch && !this.engine.hasEnded) this.violated(`${method} ${path}: ${String(error)}`);
      this.interrupted += 1;
      return undefined;
    }
  }

  /** Opens a stream; undefined when the daemon was killed before its answer came. */
  async stream(method: string, path: string): Promise<Streamed | undefined> {
    await this.#begin();
    return await openStream(this.engine.socket, method, path).catch(() => undefined); // as a check will tell
  }

  /** Takes away what is not in use of what fits the filters. */
  async prune(what: "containers" | "volumes", filters: string): Promise<void> {
    await eventually(`a prune of ${what}`, async () => {
      const { answer } = await this.insist("POST", `/${what}/prune?filters=${encodeURIComponent(filters)}`);
      if (answer.status === 409) return false; // another client's is under way
      if (answer.status !== 200) this.violated(`prune ${what}: ${answer.status} ${answer.text}`);
      return true;
    });
  }

  /** Whether it is still the daemon of that epoch. */
  async isStill(epoch: number): Promise<boolean> {
    await this.#alive;
    return epoch === this.epoch;
  }

  async #begin(): Promise<void> {
    await this.#alive;
    this.calls += 1;
    for (const { at, reached } of this.#watchers) if (this.calls >= at) reached();
    this.#watchers = this.#watchers.filter(({ at }) => this.calls < at);
  }

  /** The call again and again until it is answered; `cut`: an earlier one of them may have been carried out. */
  async insist(method: string, path: string, body?: unknown): Promise<{ answer: Answer; cut: boolean }> {
    for (let cut = false; ; cut = true) {
      const answer = await this.call(method, path, body);
      if (answer !== undefined) return { answer, cut };
    }
  }

  /** As `insist`, with the statuses that are right. */
  async expect(method: string, path: string, statuses: readonly number[], body?: unknown): Promise<Answer> {
    const { answer } = await this.insist(method, path, body);
    if (!statuses.includes(answer.status)) this.violated(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }
}

function endAtOnce(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // it ended by itself just now
  }
}
