import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type { Answer } from "../../support/api.ts";

/** What is another in each run. */
export interface Names {
  /** Stands before the names of what an attempt makes. */
  prefix: string;
  id: string;
  peer: string;
  exec?: string;
}

/** Members of inspect that tell of the engine or the instant, not of what was asked. */
const OF_THE_ENGINE =
  /^((Id|Created|Name|Image|GraphDriver|ImageManifestDescriptor|AppArmorProfile|Platform)\b|\w+Path$)/;

/** The members of a value by path, maps with free keys as one member. */
export function flatten(value: unknown, names: Names): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  const visit = (item: unknown, path: string) => {
    if (OF_THE_ENGINE.test(path)) return;
    const whole = typeof item !== "object" || item === null || Array.isArray(item) || isFree(path);
    if (whole) members[path] = clean(item, names);
    else for (const [key, member] of Object.entries(item)) visit(member, path === "" ? key : `${path}.${key}`);
  };
  visit(value, "");
  return members;
}

function isFree(path: string): boolean {
  return /(Labels|ExposedPorts|Volumes|PortBindings|Sysctls|Tmpfs|Annotations|StorageOpt|Config\.Config|Networks\..+)$/.test(
    path,
  );
}

/** A value with its texts as `normaliseText` makes them. */
export function clean(value: unknown, names: Names): unknown {
  if (typeof value === "string") return normaliseText(value, names);
  if (Array.isArray(value)) return value.map((item) => clean(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [normaliseText(key, names), clean(item, names)]),
  );
}

/** Which types and members such a text names, and how, depends on the release of Go that an engine was built with. */
const WRONG_TYPE = /invalid JSON: json: cannot unmarshal .* into .*of type .*/;

const HOST = new RegExp(`(?<![\\w.-])${RegExp.escape(hostname())}(?![\\w.-])`, "g");

/** What runc tells of a failed mount beside its ends; descriptors are other ones each time. */
const DETAILS_OF_A_MOUNT = /, (dstFd=[^,:]*|flags=[^,:]*|data=[^:]*|fstype=[^:]*)(?=[,:])/g;

/** A text without ids, names and places that differ between runs, engines or machines. */
export function normaliseText(text: string, names: Names): string {
  let kept = text;
  if (names.prefix !== "") kept = kept.replaceAll(names.prefix, "<prefix>");
  for (const [id, name] of [
    [names.id, "id"],
    [names.peer, "peer"],
    [names.exec ?? "", "exec"],
  ] as const) {
    if (id !== "") kept = kept.replaceAll(id, `<${name}>`).replaceAll(id.slice(0, 12), `<short-${name}>`);
  }
  return kept
    .replace(/\/[^\s:"]*\/(containers|overlay2)\/(?=<|[0-9a-f]{64})/g, "<root>/$1/")
    .replace(/\/[^\s:"]*\/volumes\/(?=[^\s:"/]+\/_data)/g, "<root>/volumes/")
    .replace(/\b[0-9a-f]{64}\b/g, "<hex>")
    .replaceAll(HOST, "<host>")
    .replaceAll(DETAILS_OF_A_MOUNT, "")
    .replace(WRONG_TYPE, "invalid JSON: a member is of a wrong type")
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .trim();
}

/** What an error says; other answers as they are. */
export function messageOf({ json, text }: Answer): string {
  const isMessage = typeof json === "object" && json !== null && "message" in json && typeof json.message === "string";
  return isMessage ? String(json.message) : text;
}

/** Members that are not as they are in `from`. */
export function difference(from: Record<string, unknown>, to: Record<string, unknown>): Record<string, unknown> {
  const changed = Object.entries(to).filter(([path, value]) => !isDeepStrictEqual(value, from[path]));
  const gone = Object.keys(from).filter((path) => !Object.hasOwn(to, path));
  return Object.fromEntries([...changed, ...gone.map((path): [string, unknown] => [path, "(gone)"])].sort(byPath));
}

function byPath([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
