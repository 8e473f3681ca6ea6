import type { EventMessage, Filters } from "../api/index.ts";
import { MAX_DELAY, messageOf, nowNanos, type Logger } from "../base/index.ts";
import type { Store } from "../store/index.ts";
import { EventLog, type StampedEvent } from "./event-log.ts";
import { Subscription } from "./subscription.ts";
import type { EventBus, EventType } from "./types.ts";

/**
 * Milliseconds from an exec's event to its record, unless another kind of event comes before. There are three of them for
 * each, and what its client asks for next would wait for every single one.
 */
const WRITE_EXECS_AFTER = 10;

/** The bus over the store: events are announced at once and written in batches. `dispose` writes what is pending. */
export function createEventBus(options: {
  store: Store;
  logger?: Logger;
  /** Told of each event. */
  counter?: { add(): void };
}): EventBus & Disposable {
  return new StoredEventBus(new EventLog(options.store), options.logger, options.counter);
}

class StoredEventBus implements EventBus, Disposable {
  readonly #log: EventLog;
  readonly #logger: Logger | undefined;
  readonly #counter: { add(): void } | undefined;
  readonly #subscriptions = new Set<Subscription>();
  #pending: StampedEvent[] = [];
  /** All that is pending is written in this turn of the loop. */
  #soon = false;

  constructor(log: EventLog, logger: Logger | undefined, counter: { add(): void } | undefined) {
    this.#log = log;
    this.#logger = logger;
    this.#counter = counter;
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  publish(event: { type: EventType; action: string; id: string; attributes: Record<string, string> }): void {
    this.#counter?.add();
    const at = nowNanos();
    const message: EventMessage = {
      Type: event.type,
      Action: event.action,
      // By name, as Go writes a map.
      Actor: { ID: event.id, Attributes: Object.fromEntries(Object.entries(event.attributes).sort(byName)) },
      scope: "local",
      time: Number(at / 1_000_000_000n),
      timeNano: Number(at),
    };
    this.#writeLater(event.action.startsWith("exec_"));
    this.#pending.push({ at, message });
    for (const subscription of this.#subscriptions) subscription.offer({ at, message });
  }

  subscribe(query: {
    since: bigint | undefined;
    until: bigint | undefined;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EventMessage> {
    const { since, until, signal } = query;
    const timer = new AbortController();
    const end = () => subscription.end();
    const subscription = new Subscription(query, () => {
      this.#subscriptions.delete(subscription);
      timer.abort();
      signal.removeEventListener("abort", end);
    });
    // The past first, then registration, without a turn of the loop between: nothing is missed or seen twice.
    this.#flush();
    if (since !== undefined || until !== undefined) {
      for (const event of this.#log.read(since, until)) subscription.offer(event);
    }
    this.#subscriptions.add(subscription);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    else if (until !== undefined) endAt(until, end, timer.signal);
    return subscription;
  }

  [Symbol.dispose](): void {
    this.#flush();
    for (const subscription of this.#subscriptions) subscription.end();
  }

  /** Sees to it that what is published now is written, with all that is pending. */
  #writeLater(mayWait: boolean): void {
    if (mayWait && this.#pending.length === 0) setTimeout(() => this.#flush(), WRITE_EXECS_AFTER);
    else if (!mayWait && !this.#soon) {
      this.#soon = true;
      setImmediate(() => this.#flush());
    }
  }

  #flush(): void {
    this.#soon = false;
    if (this.#pending.length === 0) return;
    const events = this.#pending;
    this.#pending = [];
    try {
      this.#log.append(events);
    } catch (error) {
      // A full disk must not stop containers: the events were announced, only their record is lost.
      this.#logger?.error("events were not recorded", { count: events.length, error: messageOf(error) });
    }
  }
}

function endAt(until: bigint, end: () => void, signal: AbortSignal): void {
  const milliseconds = Number((until - BigInt(Date.now()) * 1_000_000n) / 1_000_000n);
  if (milliseconds <= 0) return end();
  // Later instants take several timers.
  const timer = setTimeout(() => endAt(until, end, signal), Math.min(milliseconds, MAX_DELAY));
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}
