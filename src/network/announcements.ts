import type { EventBus } from "../events/index.ts";
import type { NetworkRecord } from "./records.ts";

/** Network events as `docker events` shows them. */
export class Announcements {
  readonly #events: EventBus;

  constructor(events: EventBus) {
    this.#events = events;
  }

  network(action: "create" | "destroy", network: NetworkRecord): void {
    this.#publish(action, network, {});
  }

  endpoint(action: "connect" | "disconnect", network: NetworkRecord, container: string): void {
    this.#publish(action, network, { container });
  }

  #publish(action: string, network: NetworkRecord, attributes: Record<string, string>): void {
    this.#events.publish({
      type: "network",
      action,
      id: network.id,
      attributes: { ...attributes, name: network.name, type: network.driver },
    });
  }
}
