import type { EventMessage } from "../api/index.ts";
import type { Store } from "../store/index.ts";

const MIGRATIONS = [
  `CREATE TABLE events (
     seq INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT`,
];
/** Docker keeps 256 in memory; these survive a restart, so more of them are worth having. */
const KEPT = 4096;
/** Trimming runs once in so many events. */
const TRIM_EVERY = 512;

export interface StampedEvent {
  at: bigint;
  message: EventMessage;
}

/** The last events on disk, in order. Writes are not synced: a crash of the machine may lose the newest. */
export class EventLog {
  readonly #store: Store;
  /** How many there are more since the last trim; an earlier daemon's are trimmed with the first that is appended. */
  #untrimmed = TRIM_EVERY;

  constructor(store: Store) {
    this.#store = store;
    store.migrate("events", MIGRATIONS);
  }

  append(events: readonly StampedEvent[]): void {
    const insert = this.#store.prepare("INSERT INTO events (at, body) VALUES (?, ?)");
    this.#store.transaction(
      () => {
        for (const event of events) insert.run(event.at, JSON.stringify(event.message));
        this.#untrimmed += events.length;
        if (this.#untrimmed >= TRIM_EVERY) this.#trim();
      },
      { durable: false, reserve: false },
    );
  }

  /** Events from `since` on (all when undefined) up to `until`, oldest first. */
  read(since: bigint | undefined, until: bigint | undefined): StampedEvent[] {
    return this.#store
      .prepare("SELECT CAST(at AS TEXT) AS at, body FROM events WHERE at >= ? AND at <= ? ORDER BY seq")
      .all(storable(since ?? 0n), storable(until ?? MAX_INTEGER))
      .map((row) => ({
        at: BigInt(String(row["at"])),
        message: JSON.parse(String(row["body"])) as EventMessage, // written by append
      }));
  }

  #trim(): void {
    this.#untrimmed = 0;
    this.#store.prepare("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?").run(KEPT);
  }
}

const MAX_INTEGER = 9223372036854775807n;

/** Clients may name instants that are further away than the store's integers reach. */
function storable(at: bigint): bigint {
  if (at > MAX_INTEGER) return MAX_INTEGER;
  return at < -MAX_INTEGER ? -MAX_INTEGER : at;
}
