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

/** An exec's event, which names it and, but for its end, what is run: of a program without arguments there is a space behind it. */
export function announceExec(
  events: EventBus,
  record: ContainerRecord,
  execID: string,
  event: { what: "exec_create" | "exec_start"; command: readonly string[] } | { what: "exec_die"; exitCode: number },
): void {
  if (event.what === "exec_die") announce(events, record, event.what, { execID, exitCode: String(event.exitCode) });
  else {
    const [program = "", ...words] = event.command;
    announce(events, record, `${event.what}: ${program} ${words.join(" ")}`, { execID });
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
