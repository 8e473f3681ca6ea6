import type { EventMessage, Filters } from "../api/index.ts";
import type { StampedEvent } from "./event-log.ts";
import { matches } from "./filter.ts";

/** Events a reader may be behind; a slower one is cut off, so that it costs the daemon no more memory than this. */
const QUEUE_LIMIT = 16_384;

/** One reader of the bus: a bounded queue between `offer` (never waits) and the iteration. */
export class Subscription implements AsyncIterable<EventMessage> {
  readonly #filters: Filters;
  readonly #until: bigint | undefined;
  readonly #queue: EventMessage[] = [];
  readonly #closed: () => void;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(query: { filters: Filters; until: bigint | undefined }, closed: () => void) {
    this.#filters = query.filters;
    this.#until = query.until;
    this.#closed = closed;
  }

  offer(event: StampedEvent): void {
    if (this.#ended) return;
    if (this.#until !== undefined && event.at > this.#until) return this.end();
    if (!matches(event.message, this.#filters)) return;
    if (this.#queue.length >= QUEUE_LIMIT) return this.end();
    this.#queue.push(event.message);
    this.#wake?.();
  }

  /** What is queued is still delivered. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#closed();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<EventMessage> {
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next !== undefined) yield next;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.end();
    }
  }
}
