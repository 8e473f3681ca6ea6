import type { EventBus } from "../events/index.ts";
import type { ContainerRecord } from "./record.ts";

/** Publishes a container event with the attributes that each has: labels, name, image, and its own. */
export function announce(
  events: EventBus,
  record: ContainerRecord,
  action: string,
  attributes: Record<string, string> = {},
): void {
  events.publish({
    type: "container",
    action,
    id: record.id,
    attributes: {
      ...record.config.Labels,
      ...attributes,
      image: record.config.Image ?? "",
      name: record.name,
    },
  });
}
