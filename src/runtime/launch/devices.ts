import type { DeviceSpec, RuntimeSpec } from "../../spec/index.ts";
import { S_IFBLK, S_IFCHR, S_IFIFO } from "../../sys/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { cloneOps } from "./clone.ts";
import type { MountPlan } from "./mounts.ts";

const standard = (name: string, major: number, minor: number): DeviceSpec => ({
  type: "c",
  path: `/dev/${name}`,
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
});

/** In every container (runtime spec, config-linux.md, Default Devices). */
const DEFAULT_DEVICES: readonly DeviceSpec[] = [
  standard("null", 1, 3),
  standard("zero", 1, 5),
  standard("full", 1, 7),
  standard("random", 1, 8),
  standard("urandom", 1, 9),
  standard("tty", 5, 0),
];

/** A container has these from its own devpts or console only. */
const NEVER_COPIED = new Set(["/dev/ptmx", "/dev/console"]);

const TYPES = { c: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;
const CREATE_FILE = 2;

/**
 * Device nodes and the links beside them; none when the whole of /dev is a bind of the caller's.
 * @param slots first of the slots that may be used, with a user namespace: nodes are then the host's, bound.
 */
export function planDevices(spec: RuntimeSpec, options: { userns: boolean; kcore: boolean; slots: number }): MountPlan {
  if (spec.mounts.some((mount) => mount.destination.replace(/\/+$/, "") === "/dev" && mount.type === "bind")) {
    return { outside: [], inside: [] };
  }
  const byPath = new Map([...DEFAULT_DEVICES, ...spec.linux.devices].map((device) => [device.path, device]));
  const devices = [...byPath.values()].filter(({ path }) => !NEVER_COPIED.has(path));
  const nodes = options.userns ? bindNodes(devices, options.slots) : { outside: [], inside: devices.map(makeNode) };
  return { outside: nodes.outside, inside: [...nodes.inside, ...links(options.kcore)] };
}

function makeNode({ type, path, major, minor, fileMode, uid, gid }: DeviceSpec): PlanOp {
  return { op: "mknod", path, mode: TYPES[type] | (fileMode & 0o7777), major, minor, uid, gid };
}

/** mknod(2) of a device is refused in a user namespace. */
function bindNodes(devices: DeviceSpec[], first: number): MountPlan {
  return {
    outside: devices.flatMap(({ path }, index) => cloneOps(path, first + index)),
    inside: devices.map(({ path }, index) => ({
      op: "move_mount",
      slot: first + index,
      target: path,
      create: CREATE_FILE,
    })),
  };
}

function links(kcore: boolean): PlanOp[] {
  const link = (path: string, target: string): PlanOp => ({ op: "symlink", target, path });
  return [
    link("/dev/fd", "/proc/self/fd"),
    link("/dev/stdin", "/proc/self/fd/0"),
    link("/dev/stdout", "/proc/self/fd/1"),
    link("/dev/stderr", "/proc/self/fd/2"),
    ...(kcore ? [link("/dev/core", "/proc/kcore")] : []),
    link("/dev/ptmx", "pts/ptmx"),
  ];
}
