import { conflict, invalid, type EngineError } from "../../base/index.ts";
import { errnoText } from "../errno-text.ts";
import type { OpName, PlanOp } from "../plan/index.ts";
import { initFailure, startFailure, type FailureOptions, type Phase } from "./errors.ts";

/** Where and why a plan stopped. */
export interface PlanStop {
  index: number;
  /** `ENOENT`… */
  errno: string;
  /** What the interpreter says of it. */
  detail: string;
  cause: unknown;
}

/** A stop with what its explanation may need. */
interface Situation extends PlanStop {
  ops: readonly PlanOp[];
  /** The errno in words. */
  reason: string;
  options: FailureOptions;
}

type Explanation<Name extends OpName> = (op: Extract<PlanOp, { op: Name }>, at: Situation) => EngineError;

/** Docker's words for an operation that failed, by what the operation was for. */
export function planFailure(ops: readonly PlanOp[], stop: PlanStop, phase: Phase): EngineError {
  const op = ops[stop.index];
  const situation = { ...stop, ops, reason: errnoText(stop.errno), options: { phase, cause: stop.cause } };
  if (op === undefined) return startFailure(`${stop.detail}: ${situation.reason}`, situation.options);
  // The table is correlated (name ↔ its operation), which the compiler cannot follow through a lookup.
  const explain = EXPLANATIONS[op.op] as ((op: PlanOp, at: Situation) => EngineError) | undefined;
  return explain?.(op, situation) ?? unexplained(situation);
}

const EXPLANATIONS: { readonly [Name in OpName]?: Explanation<Name> } = {
  find_program: ({ name }, { errno, options }) =>
    initFailure(`exec: "${name}": ${programReason(name, errno)}`, options),
  mkdir_all: ({ path }, at) => cgroupFailure(`mkdir ${path}: ${at.reason}`, at),
  write_file: ({ path, data }, at) =>
    cgroupFailure(`failed to write "${new TextDecoder().decode(data)}": write ${path}: ${at.reason}`, at),
  open_file: ({ path }, at) => cgroupFailure(`open ${path}: ${at.reason}`, at),
  write_slot: ({ data }, at) => cgroupFailure(`failed to write "${new TextDecoder().decode(data)}": ${at.reason}`, at),
  cgroup_devices: (_op, at) => cgroupFailure(`${at.detail}: ${at.reason}`, at),
  oom_score_adj: ({ value }, { options }) =>
    // The kernel's word is EACCES, which as text would pass for a program that may not be run.
    startFailure(
      `unable to set oom_score_adj to ${value}: lower than the daemon's own needs CAP_SYS_RESOURCE`,
      options,
    ),
  join_init: (_op, at) =>
    at.errno === "ESRCH" ? conflict("cannot exec in a stopped container", { cause: at.cause }) : unexplained(at),
  setns: ({ path }, { reason, options }) => startFailure(`lstat ${path}: ${reason}`, options),
  overlay: (_op, { detail, reason, options }) =>
    startFailure(`error mounting the root file system: ${detail}: ${reason}`, options),
  open_tree: ({ slot }, at) => mountFailure(slot, at),
  foreign_tree: ({ slot }, at) => mountFailure(slot, at),
  move_mount: ({ slot }, at) => mountFailure(slot, at),
  fsmount: ({ slot }, at) => mountFailure(slot, at),
  mount_setattr: ({ slot }, at) => mountFailure(slot, at),
  // The working directory, which Docker makes at create: it says no more than this.
  make_dir: ({ path }, { errno, reason, options }) =>
    errno === "ENOTDIR"
      ? invalid(`Cannot mkdir: ${path} is not a directory`, { cause: options.cause })
      : initFailure(`mkdir ${path}: ${reason}`, options),
  chdir: ({ path }, { reason, options }) =>
    initFailure(`chdir to cwd ("${path}") set in config.json failed: ${reason}`, options),
  rlimit: ({ resource }, { reason, options }) =>
    initFailure(`error setting rlimits for ready process: error setting rlimit type ${resource}: ${reason}`, options),
  sysctl: ({ name, value }, { errno, reason, options }) => {
    const dotted = name.replaceAll("/", ".");
    if (errno === "ENOENT") return initFailure(`open sysctl ${dotted} file: ${reason}`, options);
    return initFailure(`failed to write sysctl ${dotted} = "${value}": ${reason}`, options);
  },
  hostname: (_op, { reason, options }) => initFailure(`sethostname: ${reason}`, options),
  seccomp: (_op, { reason, options }) =>
    initFailure(`unable to init seccomp: error loading seccomp filter into kernel: ${reason}`, options),
};

function unexplained({ detail, reason, options }: Situation): EngineError {
  return initFailure(`${detail}: ${reason}`, options);
}

function cgroupFailure(what: string, { options }: Situation): EngineError {
  return startFailure(`unable to apply cgroup configuration: ${what}`, options);
}

function programReason(name: string, errno: string): string {
  if (errno === "EISDIR") return "is a directory: permission denied";
  if (!name.includes("/")) return "executable file not found in $PATH";
  if (errno === "EACCES") return errnoText(errno);
  return `stat ${name}: ${errnoText(errno)}`;
}

function mountFailure(slot: number, at: Situation): EngineError {
  const { source, target, type } = mountOf(at.ops, slot);
  if (target === "") return unexplained(at);
  const failed = (what: string) =>
    initFailure(`error mounting "${source}" to rootfs at "${target}": ${what}`, at.options);
  if (at.detail.endsWith("is inside /proc")) {
    return failed(
      `create mountpoint for ${target} mount: check proc-safety of ${target} mount: ` +
        `"${target}" cannot be mounted because it is inside /proc`,
    );
  }
  if (at.detail.startsWith("open mount target")) return failed(`create mountpoint for ${target} mount: ${at.reason}`);
  // move_mount(2) says EINVAL where mount(2) says ENOTDIR: a directory onto a file, or a file onto a directory.
  const isWrongType = at.detail.startsWith("mount on") && at.errno === "EINVAL";
  const reason = isWrongType ? errnoText("ENOTDIR") : at.reason;
  return failed(`mount src=${source}, dst=${target}${type}: ${reason}`);
}

/** A mount's operations share a slot: between them they know its source and its target. */
function mountOf(ops: readonly PlanOp[], slot: number) {
  const mount = { source: "none", target: "", type: "" };
  for (const op of ops) {
    if (!("slot" in op) || op.slot !== slot) continue;
    if (op.op === "open_tree" || op.op === "foreign_tree") mount.source = op.path;
    if (op.op === "fsmount") Object.assign(mount, { source: op.source || "none", type: `, fstype=${op.fstype}` });
    if (op.op === "move_mount") mount.target = op.target;
  }
  return mount;
}
