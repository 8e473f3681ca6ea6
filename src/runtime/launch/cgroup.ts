import type { CgroupDriver } from "../cgroups/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { SLOT_CGROUP } from "./constants.ts";

/** The parts of a plan by which a process gets into its cgroup. */
export interface CgroupOps {
  /** Before `spawn_init`, with the rights of the host. */
  before: PlanOp[];
  /** For `spawn_init`. */
  born: string;
  /** The first of the new process: the host's files are still where they were. */
  inside: PlanOp[];
}

const encoder = new TextEncoder();

/** @param from `host`: the new process has the host's rights at first; `userns`: it is born in a user namespace. */
export function joinCgroup(cgroups: CgroupDriver, path: string, from: "host" | "userns"): CgroupOps {
  const { ops, born, counted } = cgroups.join(path);
  if (from === "host") return { before: ops, born, inside: counted === undefined ? [] : [enter(counted)] };
  // From within a user namespace no process can be born in a cgroup of the host's, nor open its files.
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

function enter(path: string): PlanOp {
  return { op: "write_file", path, data: encoder.encode("0"), flags: 0, ignore: [] };
}
