import type { EventBus } from "../events/index.ts";
import type { ContainerRecord } from "./record.ts";

/** Tells of each volume of a container that a run of it begins or ends to use. */
export function announceVolumes(events: EventBus, record: ContainerRecord, action: "mount" | "unmount"): void {
  for (const mount of record.mounts) {
    if (mount.type !== "volume") continue;
    const of = { container: record.id, driver: mount.driver };
    const how = { destination: mount.target, propagation: "", "read/write": String(!mount.readOnly) };
    events.publish({
      type: "volume",
      action,
      id: mount.name,
      attributes: action === "mount" ? { ...of, ...how } : of,
    });
  }
}

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
