import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import type { Logger } from "../base/index.ts";
import { readOr } from "./host-facts.ts";

/** Where distributions have the program that compiles profiles and hands them to the kernel. */
const PARSER = "/sbin/apparmor_parser";
const PROFILES = "/sys/kernel/security/apparmor/profiles";
const DEFAULT_PROFILE = "docker-default";

/** AppArmor as the kernel has it; undefined: it has none, or it is off. */
export function readAppArmor(): { loaded(): ReadonlySet<string> | undefined } | undefined {
  if (!readOr("/sys/module/apparmor/parameters/enabled").startsWith("Y")) return undefined;
  return { loaded: () => appArmorProfiles(readOr(PROFILES)) };
}

/** Names out of lines such as `docker-default (enforce)`; undefined of none: securityfs is not mounted, or empty. */
export function appArmorProfiles(text: string): ReadonlySet<string> | undefined {
  const names = [...text.matchAll(/^(.+) \(\w+\)$/gm)].map(([, name = ""]) => name);
  return names.length === 0 ? undefined : new Set(names);
}

/**
 * Loads the profile that containers get without an option, as Docker does when it starts; nothing happens where the kernel
 * has no AppArmor, the host no parser, or somebody loaded the profile before. What fails is logged: containers are started
 * without a profile then.
 */
export async function loadDefaultProfile(logger: Logger, parser = PARSER): Promise<void> {
  const apparmor = readAppArmor();
  if (apparmor === undefined || apparmor.loaded()?.has(DEFAULT_PROFILE) === true || !isProgram(parser)) return;
  const problem = await parse(parser);
  if (problem !== undefined) logger.warn("containers have no AppArmor profile by default", { error: problem });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Has the parser load the profile. @returns what it complains of, when it fails. */
export async function parse(parser: string): Promise<string | undefined> {
  const child = spawn(parser, ["--replace", "--skip-cache", "--quiet"], { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (part: Buffer) => (complaint += part.toString()));
  // One that ends without reading is told by its exit code.
  child.stdin.on("error", () => undefined);
  child.stdin.end(PROFILE);
  return await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => resolve(code === 0 ? undefined : complaint.trim() || `${parser} ended with ${code}`));
  });
}

/**
 * What Docker's profile of that name allows: everything inside the container, signals and traces among containers, and
 * none of the host's settings that /proc and /sys would let root change (apparmor.d(5)).
 */
const PROFILE = `
profile ${DEFAULT_PROFILE} flags=(attach_disconnected,mediate_deleted) {
  file,
  network,
  unix,
  capability,
  umount,
  signal (receive) peer=unconfined,
  signal (send, receive) peer=${DEFAULT_PROFILE},
  ptrace (read, readby, trace, tracedby) peer=${DEFAULT_PROFILE},

  deny mount,

  # Files of /proc itself, and folders of it that are the host's.
  deny /proc/* w,
  deny /proc/{acpi,asound,bus,driver,dynamic_debug,fs,irq,pressure,scsi,sysvipc,tty}/** w,
  # Of /proc/sys only what an IPC namespace has of its own: kernel/shm*.
  deny /proc/sys/{[^k],k[^e]}** w,
  deny /proc/sys/kernel/{[^s],s[^h],sh[^m]}** w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/{kcore,kmem,mem} rwklx,

  # Of /sys only fs/cgroup.
  deny /sys/{[^f],f[^s]}** wklx,
  deny /sys/fs/{[^c],c[^g],cg[^r]}** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
