import type { ProcessSpec, RuntimeSpec } from "../../spec/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { joinCgroup, type CgroupWay } from "./cgroup.ts";
import { CLONE } from "./constants.ts";
import { specFailure } from "./errors.ts";
import { BECOME_ROOT } from "./namespaces.ts";
import { processOps, stdioOp } from "./process.ts";
import { mappingsOf, privilegedOps } from "./user-namespace.ts";

const ENOSYS = 38;

/**
 * Compiles a further process of a running container. What is born in the container's pid namespace is seen there, and
 * one with CAP_SYS_PTRACE looks through it: so the helper, which is not seen, has joined all else by then. Only a user
 * namespace is entered after the fork, with the rest: until then its own protects the process from those inside.
 * @param container the spec that the container was made from.
 * @param way `inherits`, or `moves` when the cgroup is full.
 */
export function compileExecPlan(
  request: { id: string; container: RuntimeSpec; process: ProcessSpec; cgroupPath: string },
  cgroups: CgroupDriver,
  way: Exclude<CgroupWay, "born">,
): PlanOp[] {
  const { id, container, process, cgroupPath } = request;
  if (!process.cwd.startsWith("/")) throw specFailure("Cwd must be an absolute path", { phase: "exec" });
  // Those that are the host's are joined too: they are what PID 1 has, and the helper has them already.
  const { pid, user, ...others } = CLONE;
  const rest = Object.values(others).reduce((flags, flag) => flags | flag, 0);
  const userns = mappingsOf(container.linux) !== undefined;
  const cgroup = joinCgroup(cgroups, cgroupPath, way);
  const oom = process.oomScoreAdj ?? container.process.oomScoreAdj;
  return [
    ...cgroup.before,
    ...(oom === undefined ? [] : [{ op: "oom_score_adj", value: oom, ignore: [] } as const]),
    ...privilegedOps(process, container.linux),
    { op: "join_init", flags: (userns ? pid : pid | rest) >>> 0 },
    { op: "spawn_init", flags: 0, cgroup: cgroup.born },
    ...cgroup.inside,
    { op: "reset" },
    ...(userns ? [{ op: "join_init", flags: (rest | user) >>> 0 } as const, ...BECOME_ROOT] : []),
    { op: "keyring", name: `_ses.${id}`, ignore: [ENOSYS] },
    ...stdioOp(process, false),
    ...processOps(process, container.linux.seccomp, { waitForStart: false, phase: "exec" }),
  ];
}
