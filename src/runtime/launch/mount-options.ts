import {
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../../sys/index.ts";
import {
  MOUNT_ATTR_ATIME_MASK,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_STRICTATIME,
} from "./constants.ts";

/** Options of a mount (runtime spec, config.md, Linux mount options), sorted by who takes them. */
export interface MountOptions {
  /** MOUNT_ATTR_* of the mount itself. */
  set: number;
  clear: number;
  /** The same for the whole tree (`rro`…). */
  recursiveSet: number;
  recursiveClear: number;
  propagation: { flag: number; recursive: boolean } | undefined;
  /** `rbind`: with what is mounted beneath. */
  recursiveBind: boolean;
  /** For the file system. */
  data: string[];
}

interface Attribute {
  set: number;
  clear: number;
}

const on = (flag: number): Attribute => ({ set: flag, clear: 0 });
const off = (flag: number): Attribute => ({ set: 0, clear: flag });
/** The three kinds of access time are one field. */
const atime = (flag: number): Attribute => ({ set: flag, clear: MOUNT_ATTR_ATIME_MASK });

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  ro: on(MOUNT_ATTR_RDONLY),
  rw: off(MOUNT_ATTR_RDONLY),
  nosuid: on(MOUNT_ATTR_NOSUID),
  suid: off(MOUNT_ATTR_NOSUID),
  nodev: on(MOUNT_ATTR_NODEV),
  dev: off(MOUNT_ATTR_NODEV),
  noexec: on(MOUNT_ATTR_NOEXEC),
  exec: off(MOUNT_ATTR_NOEXEC),
  noatime: atime(MOUNT_ATTR_NOATIME),
  atime: atime(0),
  relatime: atime(0),
  norelatime: atime(0),
  strictatime: atime(MOUNT_ATTR_STRICTATIME),
  nostrictatime: atime(0),
  nodiratime: on(MOUNT_ATTR_NODIRATIME),
  diratime: off(MOUNT_ATTR_NODIRATIME),
  nosymfollow: on(MOUNT_ATTR_NOSYMFOLLOW),
  symfollow: off(MOUNT_ATTR_NOSYMFOLLOW),
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS_PRIVATE,
  slave: MS_SLAVE,
  shared: MS_SHARED,
  unbindable: MS_UNBINDABLE,
};

/** Mean nothing here: the default, or said by the type already. */
const IGNORED = new Set(["defaults", "bind"]);

export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    set: 0,
    clear: 0,
    recursiveSet: 0,
    recursiveClear: 0,
    propagation: undefined,
    recursiveBind: false,
    data: [],
  };
  for (const option of options) readOption(result, option);
  return result;
}

function readOption(result: MountOptions, option: string): void {
  const attribute = ATTRIBUTES[option];
  const recursive = option.startsWith("r") ? option.slice(1) : "";
  if (attribute !== undefined) {
    result.set = (result.set & ~attribute.clear) | attribute.set;
    result.clear = (result.clear & ~attribute.set) | attribute.clear;
  } else if (option === "rbind") {
    result.recursiveBind = true;
  } else if (PROPAGATION[option] !== undefined) {
    result.propagation = { flag: PROPAGATION[option], recursive: false };
  } else if (PROPAGATION[recursive] !== undefined) {
    result.propagation = { flag: PROPAGATION[recursive], recursive: true };
  } else if (ATTRIBUTES[recursive] !== undefined) {
    result.recursiveSet |= ATTRIBUTES[recursive].set;
    result.recursiveClear |= ATTRIBUTES[recursive].clear;
  } else if (!IGNORED.has(option)) {
    result.data.push(option);
  }
}
