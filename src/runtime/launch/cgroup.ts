import type { CgroupDriver } from "../cgroups/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { SLOT_CGROUP } from "./constants.ts";

/** The parts of a plan by which a process gets into its cgroup. */
export interface CgroupOps {
  /** Before `spawn_init`, with the rights of the host; the first of a plan that makes no cgroup. */
  before: PlanOp[];
  /** For `spawn_init`. */
  born: string;
  /** The first of the new process. */
  inside: PlanOp[];
}

/**
 * How a process gets into its cgroup:
 * - `born`: into what the plan has made. It goes on with the host's files where they were, and no one watches.
 * - `inherits`: the helper that makes it is in it already. The process never holds anything of the host, but for an
 *   instant the cgroup has one process more than it will.
 * - `moves`: the helper makes it outside and it writes itself in by a file that it was given: from within a user
 *   namespace, and where the cgroup may have no further process. `pids.max` counts who comes so, and refuses nobody
 *   (cgroup-v2.rst, PID).
 */
export type CgroupWay = "born" | "inherits" | "moves";

/** @param path of the cgroup, which is there at `inherits`. */
export function joinCgroup(cgroups: CgroupDriver, path: string, way: CgroupWay): CgroupOps {
  const { ops, born, counted } = cgroups.join(path);
  const alone = counted === undefined ? [] : [enter(counted)];
  if (way === "born") return { before: ops, born, inside: alone };
  if (way === "inherits") {
    const begin: PlanOp[] = born === "" ? [] : [{ op: "begin_in", cgroup: born }];
    return { before: [...begin, ...ops, ...alone], born: "", inside: [] };
  }
  const procs = born === "" ? [] : [`${born}/cgroup.procs`];
  const last = counted ?? procs.pop();
  if (last === undefined) return { before: ops, born: "", inside: [] };
  return {
    before: [...ops, ...procs.map(enter), { op: "open_file", slot: SLOT_CGROUP, path: last }],
    born: "",
    inside: [
      { op: "write_slot", slot: SLOT_CGROUP, data: encoder.encode("0") },
      { op: "close_slot", slot: SLOT_CGROUP },
    ],
  };
}

const encoder = new TextEncoder();

function enter(path: string): PlanOp {
  return { op: "write_file", path, data: encoder.encode("0"), flags: 0, ignore: [] };
}
