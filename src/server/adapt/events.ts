import type { EventMessage } from "../../api/index.ts";

/** Clients below API 1.52 also read an event's older members, which containers' and images' events have. */
export async function* withLegacyFields(events: AsyncIterable<EventMessage>): AsyncGenerator<unknown, void> {
  for await (const event of events) {
    if (event.Type === "container") {
      const from = event.Actor?.Attributes?.["image"] ?? "";
      yield { status: event.Action, id: event.Actor?.ID, from, ...event };
    } else if (event.Type === "image") yield { status: event.Action, id: event.Actor?.ID, ...event };
    else yield event;
  }
}
