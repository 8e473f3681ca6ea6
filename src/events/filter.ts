import type { EventMessage, Filters } from "../api/index.ts";

/** Actions that carry a text after a colon, matched by their beginning when named without one. */
const OPEN_ENDED = ["health_status", "exec_create", "exec_start"];
/** Filter keys that name an object of that type, by the beginning of its id or name. */
const OBJECT_KEYS = ["container", "plugin", "volume", "network", "node", "service", "secret", "config"];

/** Whether `docker events --filter …` lets the event through: every key must match by one of its values. */
export function matches(event: EventMessage, filters: Filters): boolean {
  return (
    matchesAction(event.Action ?? "", filters.get("event")) &&
    exact(filters.get("type"), event.Type) &&
    exact(filters.get("scope"), event.scope) &&
    matchesDaemon(event, filters.get("daemon")) &&
    OBJECT_KEYS.every((key) => matchesObject(event, filters.get(key))) &&
    matchesImage(event, filters.get("image")) &&
    matchesLabels(event.Actor?.Attributes ?? {}, filters.get("label"))
  );
}

type Wanted = readonly string[] | undefined;

function exact(wanted: Wanted, value: string | undefined): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.includes(value ?? "");
}

function prefixed(wanted: readonly string[], value: string): boolean {
  return wanted.some((want) => value.startsWith(want));
}

function matchesAction(action: string, wanted: Wanted): boolean {
  if (exact(wanted, action)) return true;
  return (wanted ?? []).some((want) => OPEN_ENDED.includes(want)) && prefixed(wanted ?? [], action);
}

function matchesObject(event: EventMessage, wanted: Wanted): boolean {
  if (wanted === undefined || wanted.length === 0) return true;
  return prefixed(wanted, event.Actor?.ID ?? "") || prefixed(wanted, event.Actor?.Attributes?.["name"] ?? "");
}

function matchesDaemon(event: EventMessage, wanted: Wanted): boolean {
  if (wanted === undefined || wanted.length === 0) return true;
  return event.Type === "daemon" && matchesObject(event, wanted);
}

function matchesImage(event: EventMessage, wanted: Wanted): boolean {
  if (wanted === undefined || wanted.length === 0) return true;
  const id = event.Actor?.ID ?? "";
  const name = event.Actor?.Attributes?.[event.Type === "image" ? "name" : "image"] ?? "";
  return [id, name, withoutTag(id), withoutTag(name)].some((candidate) => wanted.includes(candidate));
}

/** `registry:5000/busybox:1.36` without its tag or digest. */
function withoutTag(reference: string): string {
  const plain = reference.split("@")[0] ?? "";
  const colon = plain.lastIndexOf(":");
  return colon > plain.lastIndexOf("/") ? plain.slice(0, colon) : plain;
}

function matchesLabels(attributes: Record<string, string>, wanted: Wanted): boolean {
  return (wanted ?? []).every((label) => {
    const equals = label.indexOf("=");
    if (equals < 0) return Object.hasOwn(attributes, label);
    return attributes[label.slice(0, equals)] === label.slice(equals + 1);
  });
}
