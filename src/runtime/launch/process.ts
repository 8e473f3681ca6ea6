import type { ProcessSpec, SeccompSpec } from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { seccompProgram, type SeccompProgram } from "../seccomp/index.ts";
import { capabilityMasks } from "./capabilities.ts";
import { RLIM_INFINITY, RLIMITS } from "./constants.ts";
import { specFailure, type FailureOptions } from "./errors.ts";

/** The profile of AppArmor that lets a process run any program under the same profile. */
const OPEN_PROFILE = "docker-default";

/**
 * The process as it will be when it runs the user's program, in an order that the kernel takes (runc's):
 *
 *     no_new_privs ─ profile* ─ seccomp* ─ chdir ─ bounding set ─ groups, gid, uid ─ capabilities ─ profile** ─
 *     death signal ─ find program ─ close fds ─ wait for start ─ seccomp** ─ exec
 *
 * Without no_new_privs a filter needs CAP_SYS_ADMIN, so it comes (*) before capabilities go; with it, it comes (**) as
 * late as possible, so that it need not allow what stands between. A profile of AppArmor comes (*) with the exec, which
 * undoes the death signal; one that allows the exec comes (**) before, when there are no more privileges than its processes
 * have, who may trace it from then on.
 * @throws LaunchError for what cannot be expressed: unknown limits, capabilities, seccomp actions.
 */
export function processOps(
  process: ProcessSpec,
  seccomp: SeccompSpec | undefined,
  options: { waitForStart: boolean } & FailureOptions,
): PlanOp[] {
  const filter = seccomp === undefined ? [] : [seccompOp(compile(() => seccompProgram(seccomp), options))];
  const masks = compile(() => capabilityMasks(process.capabilities), options);
  const { uid, gid, additionalGids, umask } = process.user;
  const [program = ""] = process.args;
  const ops: PlanOp[] = [];
  ops.push(...rlimitOps(process, options));
  if (process.noNewPrivileges) ops.push({ op: "no_new_privs" });
  ops.push(...profileOps(process, "exec", "exec"));
  if (!process.noNewPrivileges) ops.push(...filter);
  ops.push({ op: "chdir", path: process.cwd });
  ops.push({ op: "bounding", keep: masks.bounding });
  ops.push({ op: "keep_caps", on: 1 });
  ops.push({ op: "setgroups", gids: additionalGids });
  ops.push({ op: "setgid", gid });
  ops.push({ op: "setuid", uid });
  ops.push({ op: "keep_caps", on: 0 });
  ops.push({
    op: "capset",
    effective: masks.effective,
    permitted: masks.permitted,
    inheritable: masks.inheritable,
  });
  ops.push({ op: "ambient", mask: masks.ambient });
  if (umask !== undefined) ops.push({ op: "umask", mask: umask });
  if (process.apparmorProfile === OPEN_PROFILE) ops.push(...profileOps(process, "current", "changeprofile"));
  ops.push({ op: "die_with_shim" });
  ops.push({ op: "find_program", name: program, path: pathOf(process.env) });
  ops.push({ op: "close_fds" });
  if (options.waitForStart) ops.push({ op: "wait_start" });
  if (process.noNewPrivileges) ops.push(...filter);
  ops.push({ op: "exec", argv: process.args, env: process.env });
  return ops;
}

/** Stdio, in the root, before privileges go: a terminal of the container's own, or the shim's pipes. */
export function stdioOp(process: ProcessSpec, bindConsole: boolean): PlanOp[] {
  const { uid } = process.user;
  if (!process.terminal) return [{ op: "new_session" }, { op: "stdio", uid }];
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  return [{ op: "console", uid, rows: height, cols: width, bind: bindConsole ? 1 : 0 }];
}

function seccompOp({ program, flags }: SeccompProgram): PlanOp {
  return { op: "seccomp", program, flags };
}

function rlimitOps(process: ProcessSpec, options: FailureOptions): PlanOp[] {
  return process.rlimits.map(({ type, soft, hard }) => {
    const resource = RLIMITS[type];
    if (resource === undefined) throw specFailure(`invalid rlimit type: ${type}`, options);
    return { op: "rlimit", resource, soft: limit(soft), hard: limit(hard) };
  });
}

/** -1, and what JSON made of 2^64-1, is "no limit". */
const limit = (value: number) => (value < 0 || value >= Number(RLIM_INFINITY) ? RLIM_INFINITY : BigInt(value));

/** The first one makes the procfs that it takes, for which a second one need not be privileged. */
function profileOps({ apparmorProfile = "" }: ProcessSpec, attribute: string, command: string): PlanOp[] {
  if (apparmorProfile === "" || apparmorProfile === "unconfined") return [];
  return [{ op: "lsm_attr", attr: `apparmor/${attribute}`, value: `${command} ${apparmorProfile}` }];
}

/** The last entry counts, as for execvp. */
function pathOf(env: readonly string[]): string {
  return env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "";
}

/** What the compilers below refuse is a failure of the launch. */
function compile<T>(work: () => T, options: FailureOptions): T {
  try {
    return work();
  } catch (error) {
    throw specFailure(error instanceof Error ? error.message : String(error), { ...options, cause: error });
  }
}
