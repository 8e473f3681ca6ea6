import type { EventMessage, Filters } from "../api/index.ts";

export type EventType =
  | "container"
  | "image"
  | "volume"
  | "network"
  | "daemon"
  | "builder"
  | "plugin"
  | "config"
  | "secret"
  | "service"
  | "node";

export interface EventBus {
  /** How many listen now. */
  readonly subscribers: number;
  /** Stamps, stores (the last ones survive a restart) and announces. Never throws, never waits. */
  publish(event: { type: EventType; action: string; id: string; attributes: Record<string, string> }): void;
  /** Stored events since `since`, then new ones until `until` or the signal. Filters as in `docker events --filter`. */
  subscribe(query: {
    since: bigint | undefined;
    until: bigint | undefined;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EventMessage>;
}
