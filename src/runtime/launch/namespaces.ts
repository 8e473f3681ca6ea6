import type { LinuxSpec, NamespaceKind } from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { CLONE } from "./constants.ts";
import { mapText } from "./user-namespace.ts";

export interface NamespacePlan {
  /** Before `spawn_init`: what is joined, and a new user namespace. */
  before: PlanOp[];
  /** For `spawn_init`. */
  flags: number;
  /** In the new process. */
  after: PlanOp[];
  isNew(kind: NamespaceKind): boolean;
}

/** Who enters a user namespace is nobody there until it takes an id that is mapped. */
export const BECOME_ROOT: readonly PlanOp[] = [
  { op: "setgroups", gids: [] },
  { op: "setgid", gid: 0 },
  { op: "setuid", uid: 0 },
];

/** Namespaces to make and to join. One that is not listed is the host's. */
export function planNamespaces({ namespaces, uidMappings = [], gidMappings = [] }: LinuxSpec): NamespacePlan {
  const made = new Set(namespaces.filter(({ path }) => path === undefined).map(({ type }) => type));
  // The mount namespace is always the container's own.
  made.add("mount");
  const joined = namespaces.filter((namespace): namespace is { type: NamespaceKind; path: string } => {
    return namespace.path !== undefined && namespace.type !== "mount";
  });
  const setns = ({ type, path }: { type: NamespaceKind; path: string }): PlanOp => ({
    op: "setns",
    path,
    kind: CLONE[type],
  });
  const before = joined.filter(({ type }) => type !== "cgroup" && type !== "user").map(setns);
  // Last: in it, nothing of the host's can be joined any more.
  before.push(...joined.filter(({ type }) => type === "user").flatMap((user) => [setns(user), ...BECOME_ROOT]));
  if (made.has("user")) {
    before.push({ op: "unshare", flags: CLONE.user });
    before.push({ op: "sync_maps", uidMap: mapText(uidMappings), gidMap: mapText(gidMappings), denySetgroups: 0 });
  }
  const atSpawn = [...made].filter((kind) => kind !== "user" && kind !== "cgroup");
  const after: PlanOp[] = joined.filter(({ type }) => type === "cgroup").map(setns);
  // Made only now, so that its root is the container's cgroup, which the process is in by now.
  if (made.has("cgroup")) after.push({ op: "unshare", flags: CLONE.cgroup });
  return {
    before,
    flags: atSpawn.reduce((flags, kind) => flags | CLONE[kind], 0) >>> 0,
    after,
    isNew: (kind) => made.has(kind),
  };
}
