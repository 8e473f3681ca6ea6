import { conflict, invalid, type EngineError } from "../../base/index.ts";
import { errnoText } from "../errno-text.ts";
import type { PlanOp } from "../plan/index.ts";
import { initFailure, startFailure, type Phase } from "./errors.ts";

/** Where and why a plan stopped. */
export interface PlanStop {
  index: number;
  /** `ENOENT`… */
  errno: string;
  /** What the interpreter says of it. */
  detail: string;
  cause: unknown;
}

/** Docker's words for an operation that failed, by what the operation was for. */
export function planFailure(ops: readonly PlanOp[], stop: PlanStop, phase: Phase): EngineError {
  const op = ops[stop.index];
  const options = { phase, cause: stop.cause };
  const reason = errnoText(stop.errno);
  if (op === undefined) return startFailure(`${stop.detail}: ${reason}`, options);
  switch (op.op) {
    case "find_program":
      return initFailure(`exec: "${op.name}": ${programReason(op.name, stop.errno)}`, options);
    case "mkdir_all":
      return startFailure(`unable to apply cgroup configuration: mkdir ${op.path}: ${reason}`, options);
    case "write_file":
      return startFailure(
        `unable to apply cgroup configuration: failed to write "${decode(op.data)}": write ${op.path}: ${reason}`,
        options,
      );
    case "cgroup_devices":
      return startFailure(`unable to apply cgroup configuration: ${stop.detail}: ${reason}`, options);
    case "oom_score_adj":
      // The kernel's word is EACCES, which as text would pass for a program that may not be run.
      return startFailure(
        `unable to set oom_score_adj to ${op.value}: lower than the daemon's own needs CAP_SYS_RESOURCE`,
        options,
      );
    case "join_init":
      if (stop.errno !== "ESRCH") break;
      return conflict("cannot exec in a stopped container", { cause: stop.cause });
    case "overlay":
      return startFailure(`error mounting the root file system: ${stop.detail}: ${reason}`, options);
    case "open_tree":
    case "move_mount":
    case "fsmount":
    case "mount_setattr":
      return initFailure(mountReason(ops, op.slot, stop, reason), options);
    case "make_dir":
      // The working directory: Docker makes it at create, and says no more than this.
      if (stop.errno === "ENOTDIR") return invalid(`Cannot mkdir: ${op.path} is not a directory`, { cause: stop.cause });
      return initFailure(`mkdir ${op.path}: ${reason}`, options);
    case "chdir":
      return initFailure(`chdir to cwd ("${op.path}") set in config.json failed: ${reason}`, options);
    case "rlimit":
      return initFailure(
        `error setting rlimits for ready process: error setting rlimit type ${op.resource}: ${reason}`,
        options,
      );
    case "sysctl": {
      const name = op.name.replaceAll("/", ".");
      if (stop.errno === "ENOENT") return initFailure(`open sysctl ${name} file: ${reason}`, options);
      return initFailure(`failed to write sysctl ${name} = "${op.value}": ${reason}`, options);
    }
    case "hostname":
      return initFailure(`sethostname: ${reason}`, options);
    case "seccomp":
      return initFailure(`unable to init seccomp: error loading seccomp filter into kernel: ${reason}`, options);
    case "setns":
      return startFailure(`lstat ${op.path}: ${reason}`, options);
    default:
      break;
  }
  return initFailure(`${stop.detail}: ${reason}`, options);
}

function programReason(name: string, errno: string): string {
  if (errno === "EISDIR") return "is a directory: permission denied";
  if (!name.includes("/")) return "executable file not found in $PATH";
  if (errno === "EACCES") return errnoText(errno);
  return `stat ${name}: ${errnoText(errno)}`;
}

/** A mount's operations share a slot: between them they know its source and its target. */
function mountReason(ops: readonly PlanOp[], slot: number, stop: PlanStop, reason: string): string {
  let source = "";
  let target = "";
  let type = "";
  for (const op of ops) {
    if (!("slot" in op) || op.slot !== slot) continue;
    if (op.op === "open_tree") source = op.path;
    if (op.op === "fsmount") [source, type] = [op.source, `, fstype=${op.fstype}`];
    if (op.op === "move_mount") target = op.target;
  }
  if (target === "") return `${stop.detail}: ${reason}`;
  const where = source || "none";
  // move_mount(2) says EINVAL where mount(2) says ENOTDIR: a directory onto a file, or a file onto a directory.
  if (type === "" && stop.errno === "EINVAL") reason = errnoText("ENOTDIR");
  if (stop.detail.endsWith("is inside /proc")) {
    return (
      `error mounting "${where}" to rootfs at "${target}": create mountpoint for ${target} mount: check proc-safety of ` +
      `${target} mount: "${target}" cannot be mounted because it is inside /proc`
    );
  }
  if (stop.detail.startsWith("open mount target")) {
    return `error mounting "${where}" to rootfs at "${target}": create mountpoint for ${target} mount: ${reason}`;
  }
  return `error mounting "${where}" to rootfs at "${target}": mount src=${where}, dst=${target}${type}: ${reason}`;
}

const decode = (data: Uint8Array) => new TextDecoder().decode(data);
