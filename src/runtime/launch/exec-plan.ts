import type { ProcessSpec, RuntimeSpec } from "../../spec/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { joinCgroup } from "./cgroup.ts";
import { CLONE } from "./constants.ts";
import { specFailure } from "./errors.ts";
import { BECOME_ROOT } from "./namespaces.ts";
import { processOps, stdioOp } from "./process.ts";
import { mappingsOf, privilegedOps } from "./user-namespace.ts";

const ENOSYS = 38;

/**
 * Compiles a further process of a running container: it joins the container's cgroup, its pid namespace (so that the
 * fork is in it), then everything else.
 * @param container the spec that the container was made from.
 */
export function compileExecPlan(
  request: { id: string; container: RuntimeSpec; process: ProcessSpec; cgroupPath: string },
  cgroups: CgroupDriver,
): PlanOp[] {
  const { id, container, process, cgroupPath } = request;
  if (!process.cwd.startsWith("/")) throw specFailure("Cwd must be an absolute path", { phase: "exec" });
  // Those that are the host's are joined too: they are what PID 1 has, and the helper has them already.
  const { pid, user, ...others } = CLONE;
  const userns = mappingsOf(container.linux) !== undefined;
  // The container's user namespace is entered after the fork.
  const cgroup = joinCgroup(cgroups, cgroupPath, "host");
  const rest = Object.values(others).reduce((flags, flag) => flags | flag, userns ? user : 0);
  const oom = process.oomScoreAdj ?? container.process.oomScoreAdj;
  return [
    ...cgroup.before,
    ...(oom === undefined ? [] : [{ op: "oom_score_adj", value: oom, ignore: [] } as const]),
    ...privilegedOps(process, container.linux),
    { op: "join_init", flags: pid },
    { op: "spawn_init", flags: 0, cgroup: cgroup.born },
    ...cgroup.inside,
    { op: "reset" },
    { op: "join_init", flags: rest >>> 0 },
    ...(userns ? BECOME_ROOT : []),
    { op: "keyring", name: `_ses.${id}`, ignore: [ENOSYS] },
    ...stdioOp(process, false),
    ...processOps(process, container.linux.seccomp, { waitForStart: false, phase: "exec" }),
  ];
}
