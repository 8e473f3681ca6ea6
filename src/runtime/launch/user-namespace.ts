import {
  hostId,
  type IdMapping,
  type IdMappings,
  type LinuxSpec,
  type ProcessSpec,
  type Rlimit,
} from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { RLIMITS } from "./constants.ts";

/** The mappings of a container that has a user namespace, its own or another container's; else undefined. */
export function mappingsOf(linux: LinuxSpec): IdMappings | undefined {
  if (!linux.namespaces.some(({ type }) => type === "user")) return undefined;
  return { uids: linux.uidMappings ?? [], gids: linux.gidMappings ?? [] };
}

/** The lines that the kernel takes for a map. */
export function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/**
 * What only the host's root may do, so it comes before the user namespace: pipes get the owner that the process has on
 * the host, and limits go up.
 */
export function privilegedOps(process: ProcessSpec, linux: LinuxSpec): PlanOp[] {
  const mappings = mappingsOf(linux);
  if (mappings === undefined) return [];
  const ops = process.rlimits.flatMap(raise);
  if (process.terminal) return ops;
  const uid = hostId(mappings.uids, process.user.uid);
  const gid = hostId(mappings.gids, process.user.gid);
  // An id that is not mapped: the process fails when it takes it, with the reason.
  return uid === undefined || gid === undefined ? ops : [...ops, { op: "own_stdio", uid, gid }];
}

/** Low limits could hinder the rest of the plan, and need no privilege: they are set at their usual place alone. */
const LOW = 4096;

function raise({ type, hard }: Rlimit): PlanOp[] {
  const resource = RLIMITS[type];
  if (resource === undefined || (hard >= 0 && hard < LOW)) return [];
  const limit = hard < 0 ? 2n ** 64n - 1n : BigInt(hard);
  return [{ op: "rlimit", resource, soft: limit, hard: limit }];
}
