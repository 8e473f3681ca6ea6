import { readFile } from "node:fs/promises";

/** One mounted hierarchy of cgroup v1, or the unified one. */
export interface Hierarchy {
  /** Directory of the host. */
  mountpoint: string;
  /** `cpu`, `memory`…; `name=systemd` for a named one; empty for cgroup2. */
  controllers: string[];
}

export interface Hierarchies {
  v1: Hierarchy[];
  /** The cgroup2 mount: everything on a v2 host, what is left over on a hybrid one. */
  unified: string | undefined;
}

const NOT_CONTROLLERS = new Set(["rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode", "favordynmods"]);

/** Where this host has its cgroups mounted, by /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export async function findHierarchies(mountinfo = "/proc/self/mountinfo"): Promise<Hierarchies> {
  return parseHierarchies(await readFile(mountinfo, "utf8"));
}

export function parseHierarchies(mountinfo: string): Hierarchies {
  const result: Hierarchies = { v1: [], unified: undefined };
  const seen = new Set<string>();
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , , mountpoint = ""] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    const place = unescape(mountpoint);
    if (type === "cgroup2") result.unified ??= place;
    if (type !== "cgroup") continue;
    const controllers = options.split(",").filter((option) => !NOT_CONTROLLERS.has(option) && !isSetting(option));
    const key = controllers.join(",");
    if (controllers.length === 0 || seen.has(key)) continue; // a hierarchy may be mounted twice
    seen.add(key);
    result.v1.push({ mountpoint: place, controllers });
  }
  return result;
}

const isSetting = (option: string) => option.includes("=") && !option.startsWith("name=");

/** Blanks and backslashes are octal in mountinfo. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** True when the machine runs cgroup v2 alone, as Docker decides it: no v1 controller is mounted. */
export function isUnified({ v1, unified }: Hierarchies): boolean {
  return unified !== undefined && v1.every(({ controllers }) => controllers.every((name) => name.startsWith("name=")));
}
