import {
  MS_BIND,
  MS_NOATIME,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../sys/index.ts";
import { badName, badOption, missingOption, nameTooShort, noQuota } from "./errors.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Docker's rule for names of local volumes. @throws invalid. */
export function checkName(name: string): void {
  if (name.length === 1) throw nameTooShort(name);
  if (!NAME.test(name)) throw badName(name);
}

/** What each option of the local driver asks for besides. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
  size: [],
};

/** The local driver's options, by Docker's rules. @throws invalid. */
export function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  const keys = Object.keys(options).sort();
  for (const key of keys) if (NEEDS[key] === undefined) throw badOption(name, key);
  if (options["size"] !== undefined) throw noQuota(name);
  for (const key of keys) {
    for (const needed of NEEDS[key] ?? []) if (options[needed] === undefined) throw missingOption(name, needed);
  }
}

/** What mount(2) is asked for a volume with options. */
export interface MountPlan {
  type: string;
  device: string;
  flags: number;
  /** Set by a second call, as MS_BIND ignores all others. */
  bindFlags: number;
  propagation: number;
  data: string;
}

const MS_SYNCHRONOUS = 16;
const MS_MANDLOCK = 64;
const MS_DIRSYNC = 128;
const MS_NODIRATIME = 2048;
const MS_STRICTATIME = 1 << 24;

/** mount(8)'s words: bits to set, or to clear. */
const FLAGS: Readonly<Record<string, { set?: number; clear?: number; propagation?: number }>> = {
  defaults: {},
  ro: { set: MS_RDONLY },
  rw: { clear: MS_RDONLY },
  suid: { clear: MS_NOSUID },
  nosuid: { set: MS_NOSUID },
  dev: { clear: MS_NODEV },
  nodev: { set: MS_NODEV },
  exec: { clear: MS_NOEXEC },
  noexec: { set: MS_NOEXEC },
  sync: { set: MS_SYNCHRONOUS },
  async: { clear: MS_SYNCHRONOUS },
  dirsync: { set: MS_DIRSYNC },
  mand: { set: MS_MANDLOCK },
  nomand: { clear: MS_MANDLOCK },
  atime: { clear: MS_NOATIME },
  noatime: { set: MS_NOATIME },
  diratime: { clear: MS_NODIRATIME },
  nodiratime: { set: MS_NODIRATIME },
  relatime: { set: MS_RELATIME },
  norelatime: { clear: MS_RELATIME },
  strictatime: { set: MS_STRICTATIME },
  nostrictatime: { clear: MS_STRICTATIME },
  bind: { set: MS_BIND },
  rbind: { set: MS_BIND | MS_REC },
  private: { propagation: MS_PRIVATE },
  rprivate: { propagation: MS_PRIVATE | MS_REC },
  shared: { propagation: MS_SHARED },
  rshared: { propagation: MS_SHARED | MS_REC },
  slave: { propagation: MS_SLAVE },
  rslave: { propagation: MS_SLAVE | MS_REC },
  unbindable: { propagation: MS_UNBINDABLE },
  runbindable: { propagation: MS_UNBINDABLE | MS_REC },
};

/** The mount that a volume's options ask for; undefined when they ask for none. */
export function planMount(options: Readonly<Record<string, string>>): MountPlan | undefined {
  const device = options["device"];
  if (device === undefined) return undefined;
  let flags = 0;
  let propagation = 0;
  const data: string[] = [];
  for (const word of (options["o"] ?? "").split(",").filter((part) => part !== "")) {
    const meaning = FLAGS[word];
    if (meaning === undefined) data.push(word);
    else {
      flags = (flags | (meaning.set ?? 0)) & ~(meaning.clear ?? 0);
      propagation |= meaning.propagation ?? 0;
    }
  }
  const isBind = (flags & MS_BIND) !== 0;
  return {
    type: options["type"] ?? "",
    device,
    flags: isBind ? flags & (MS_BIND | MS_REC) : flags,
    bindFlags: isBind ? flags & ~(MS_BIND | MS_REC) : 0,
    propagation,
    data: data.join(","),
  };
}
