import { invalid } from "../../base/index.ts";

/** The innermost cgroup of a scope, where the container is; its supervisor is beside it. */
const CONTAINER = "container";

/**
 * The cgroup of a slice (systemd.slice(5)): `a-b.slice` lies in `a.slice`.
 * @throws invalid with Docker's text for a name that is no slice's.
 */
export function slicePath(slice: string): string {
  const name = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  if (name === "-") return "";
  const parts = name.split("-");
  if (name.includes("/") || parts.includes("")) {
    throw invalid('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}

/** `system.slice:docker:<id>`, as a runtime spec names a place under systemd. A slice's name may have colons itself. */
const SYSTEMD_PLACE = /^(.*):([^:/]+):([^:/]+)$/;

/**
 * The container's place in the hierarchy: Docker's `<parent>/<id>`, or under systemd a cgroup within its scope.
 * @param spec `linux.cgroupsPath`.
 * @throws invalid when it steps out, or is in no slice.
 */
export function cgroupPath(spec: string): string {
  const [, slice, prefix, id] = SYSTEMD_PLACE.exec(spec) ?? [];
  if (slice !== undefined) return `${slicePath(slice)}/${prefix}-${id}.scope/${CONTAINER}`;
  const names = spec.split("/").filter((name) => name !== "" && name !== ".");
  if (names.length === 0 || names.includes("..")) throw invalid(`invalid cgroup path: ${spec}`);
  return `/${names.join("/")}`;
}

export interface ScopePlace {
  /** `docker-<id>.scope`. */
  unit: string;
  /** `system.slice`; `-.slice` for the root. */
  slice: string;
  /** The scope's own cgroup. */
  path: string;
}

/** The scope that a container's cgroup is in; undefined for one that systemd has nothing to do with. */
export function scopeOf(path: string): ScopePlace | undefined {
  const match = /^(.*)\/([^/]+\.scope)\/container$/.exec(path);
  if (match === null) return undefined;
  const [, parent = "", unit = ""] = match;
  return { unit, slice: parent.split("/").at(-1) || "-.slice", path: `${parent}/${unit}` };
}
