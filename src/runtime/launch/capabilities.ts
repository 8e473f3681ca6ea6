import { invalid } from "../../base/index.ts";
import type { CapabilitySets } from "../../spec/index.ts";

/** In the order of their numbers (capabilities(7), linux/capability.h). */
const NAMES = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split(" ");

const NUMBERS = new Map(NAMES.map((name, number) => [`CAP_${name}`, BigInt(number)]));

/** A set as bits. @throws invalid for a name that is no capability. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = NUMBERS.get(name);
    if (number === undefined) throw invalid(`unknown capability "${name}"`);
    return mask | (1n << number);
  }, 0n);
}

export type CapabilityMasks = Record<keyof CapabilitySets, bigint>;

export function capabilityMasks(sets: CapabilitySets): CapabilityMasks {
  return {
    bounding: capabilityMask(sets.bounding),
    effective: capabilityMask(sets.effective),
    permitted: capabilityMask(sets.permitted),
    inheritable: capabilityMask(sets.inheritable),
    ambient: capabilityMask(sets.ambient),
  };
}
