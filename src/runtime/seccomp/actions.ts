import { invalid } from "../../base/index.ts";

/** `SECCOMP_RET_…` (linux/seccomp.h). */
export const RETURN = {
  killProcess: 0x80000000,
  killThread: 0,
  trap: 0x00030000,
  errno: 0x00050000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const;

export const EPERM = 1;
export const ENOSYS = 38;

export const errnoReturn = (errno: number) => (RETURN.errno | (errno & 0xffff)) >>> 0;

/**
 * The filter's return value for an action's name.
 * @throws invalid with runc's text for an unknown one; for SCMP_ACT_NOTIFY, which needs a listener that berth has not.
 */
export function actionReturn(action: string, errno: number | undefined): number {
  switch (action) {
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return RETURN.killThread;
    case "SCMP_ACT_KILL_PROCESS":
      return RETURN.killProcess;
    case "SCMP_ACT_TRAP":
      return RETURN.trap;
    case "SCMP_ACT_ERRNO":
      return errnoReturn(errno ?? EPERM);
    case "SCMP_ACT_TRACE":
      return (RETURN.trace | ((errno ?? EPERM) & 0xffff)) >>> 0;
    case "SCMP_ACT_ALLOW":
      return RETURN.allow;
    case "SCMP_ACT_LOG":
      return RETURN.log;
    case "SCMP_ACT_NOTIFY":
      throw invalid("seccomp listenerPath is not set");
    default:
      throw invalid(`string ${action} is not a valid action for seccomp`);
  }
}

/** Actions that let a call through: calls newer than the profile then need no ENOSYS of ours. */
export function letsThrough(action: string): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG" || action === "SCMP_ACT_TRACE";
}

const FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0, // PID 1 has one thread
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
};

/** Bits for seccomp(2). @throws invalid for an unknown flag. */
export function filterFlags(names: readonly string[]): number {
  return names.reduce((bits, name) => {
    const flag = FLAGS[name];
    if (flag === undefined) throw invalid(`seccomp flag ${name} is not known to runc`);
    return bits | flag;
  }, 0);
}
