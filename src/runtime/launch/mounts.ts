import { posix } from "node:path";
import type { MountSpec } from "../../spec/index.ts";
import {
  AT_RECURSIVE,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  OPEN_TREE_CLONE,
} from "../../sys/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import { NO_SLOT, type PlanOp } from "../plan/index.ts";
import { cloneOps } from "./clone.ts";
import { SLOT_FIRST_MOUNT } from "./constants.ts";
import { initFailure, specFailure, subpathMissing } from "./errors.ts";
import { parseMountOptions, type MountOptions } from "./mount-options.ts";
import { checkProcSafety, isOnProc } from "./proc-safety.ts";

/** What the compiler must know of the host and the image; looked up before, so that compiling is pure. */
export interface MountFacts {
  /** What each bind's source is. */
  sources: ReadonlyMap<string, "directory" | "file">;
  /** Modes of the image's directories that a tmpfs comes over: it takes them on, as in runc. */
  directoryModes: ReadonlyMap<string, number>;
}

export interface MountContext extends MountFacts {
  cgroups: CgroupDriver;
  cgroupPath: string;
  ownCgroupNamespace: boolean;
  ownNetwork: boolean;
}

/** A mount's two halves: opened outside, where the host's paths are; attached inside. */
export interface MountPlan {
  outside: PlanOp[];
  inside: PlanOp[];
}

const CREATE_DIRECTORY = 1;
const CREATE_FILE = 2;
const ON_PROC = 4;

/** @throws LaunchError for mounts that are not safe, of a type that is not known, or whose source is not there. */
export function planMounts(mounts: readonly MountSpec[], context: MountContext): MountPlan {
  const plan: MountPlan = { outside: [], inside: [] };
  const slots = { next: SLOT_FIRST_MOUNT };
  for (const mount of mounts) {
    checkProcSafety(mount);
    if (posix.normalize(mount.destination) === "/") throw specFailure("mount destination / is not allowed");
    const options = parseMountOptions(mount.options);
    const one =
      mount.layers !== undefined
        ? planLayers(mount.destination, mount.layers, slots.next++)
        : mount.type === "bind" || mount.options.some((option) => option === "bind" || option === "rbind")
          ? planBind(mount, options, context, slots.next++)
          : mount.type === "cgroup"
            ? planCgroup(mount, options, context, slots)
            : { outside: [], inside: planFileSystem(mount, options, context, slots.next++) };
    plan.outside.push(...one.outside);
    plan.inside.push(...one.inside);
  }
  return plan;
}

function planBind(mount: MountSpec, options: MountOptions, facts: MountFacts, slot: number): MountPlan {
  const { source, destination } = mount;
  const kind = facts.sources.get(source);
  if (kind === undefined && mount.beneath !== undefined) throw subpathMissing(source);
  if (kind === undefined) {
    throw initFailure(
      `error mounting "${source}" to rootfs at "${destination}": stat ${source}: no such file or directory`,
    );
  }
  const outside = [openSource(mount, slot, options.recursiveBind)];
  const setattr = (set: number, clear: number, recursive: 0 | 1) => {
    if (set === 0 && clear === 0) return;
    outside.push({ op: "mount_setattr", slot, set, clear, propagation: 0, recursive, userns: NO_SLOT });
  };
  setattr(options.set, options.clear, 0);
  setattr(options.recursiveSet, options.recursiveClear, 1);
  const { flag, recursive } = options.propagation ?? { flag: MS_PRIVATE, recursive: true };
  return {
    outside,
    inside: [
      {
        op: "move_mount",
        slot,
        target: destination,
        create: (kind === "directory" ? CREATE_DIRECTORY : CREATE_FILE) + (isOnProc(mount) ? ON_PROC : 0),
      },
      { op: "mount_setattr", slot, set: 0, clear: 0, propagation: flag, recursive: recursive ? 1 : 0, userns: NO_SLOT },
    ],
  };
}

/** Directories of an image, which nothing is written to. */
function planLayers(target: string, layers: readonly string[], slot: number): MountPlan {
  return {
    outside: [{ op: "overlay", slot, lower: [...layers], upper: "", work: "", options: [], attrs: MOUNT_ATTR_RDONLY }],
    inside: [
      { op: "move_mount", slot, target, create: CREATE_DIRECTORY },
      { op: "mount_setattr", slot, set: 0, clear: 0, propagation: MS_PRIVATE, recursive: 1, userns: NO_SLOT },
    ],
  };
}

function openSource({ source, beneath }: MountSpec, slot: number, recursive: boolean): PlanOp {
  const flags = OPEN_TREE_CLONE | (recursive ? AT_RECURSIVE : 0);
  const [, pid, path] = /^\/proc\/(\d+)\/root(\/.*)$/.exec(source) ?? [];
  if (pid !== undefined && path !== undefined) {
    // Another container's mount, such as its /dev/shm: only from within its mount namespace can it be cloned.
    return { op: "foreign_tree", slot, namespace: `/proc/${pid}/ns/mnt`, path, flags };
  }
  if (beneath === undefined) return { op: "open_tree", slot, root: "", path: source, flags };
  return { op: "open_tree", slot, root: beneath, path: posix.relative(beneath, source) || ".", flags };
}

const FILE_SYSTEMS = new Set(["proc", "tmpfs", "devpts", "sysfs", "mqueue", "cgroup2"]);

function planFileSystem(mount: MountSpec, options: MountOptions, context: MountContext, slot: number): PlanOp[] {
  const { type, source, destination } = mount;
  if (!FILE_SYSTEMS.has(type)) {
    throw initFailure(
      `error mounting "${source}" to rootfs at "${destination}": mount src=${source}, dst=${destination}, ` +
        `fstype ${type}: no such device`,
    );
  }
  const data = [...options.data];
  const mode = context.directoryModes.get(destination);
  if (type === "tmpfs" && mode !== undefined && !data.some((option) => option.startsWith("mode="))) {
    data.unshift(`mode=${mode.toString(8)}`);
  }
  // Its superblock belongs to the network namespace, so it is ours to make read-only.
  if (type === "sysfs" && context.ownNetwork && (options.set & MOUNT_ATTR_RDONLY) !== 0) data.push("ro");
  return [
    { op: "fsmount", slot, fstype: type, source, options: data, attrs: options.set },
    { op: "move_mount", slot, target: destination, create: CREATE_DIRECTORY },
    ...propagationOf(slot, options),
    { op: "close_slot", slot },
  ];
}

function propagationOf(slot: number, { propagation }: MountOptions): PlanOp[] {
  if (propagation === undefined) return [];
  const { flag, recursive } = propagation;
  return [
    { op: "mount_setattr", slot, set: 0, clear: 0, propagation: flag, recursive: recursive ? 1 : 0, userns: NO_SLOT },
  ];
}

/** v2: one mount. v1: a tmpfs with a directory for each hierarchy, which shows the container's own part of it. */
function planCgroup(
  mount: MountSpec,
  options: MountOptions,
  context: MountContext,
  slots: { next: number },
): MountPlan {
  const { destination } = mount;
  if (context.cgroups.facts.version === 2) {
    const unified = { ...mount, type: "cgroup2", source: "cgroup" };
    return { outside: [], inside: planFileSystem(unified, options, context, slots.next++) };
  }
  const top = slots.next++;
  const attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const outside: PlanOp[] = [];
  const inside: PlanOp[] = [
    { op: "fsmount", slot: top, fstype: "tmpfs", source: "tmpfs", options: ["mode=755"], attrs },
    { op: "move_mount", slot: top, target: destination, create: CREATE_DIRECTORY },
    { op: "close_slot", slot: top },
  ];
  for (const { name, mountpoint, controllers } of context.cgroups.hierarchies()) {
    const slot = slots.next++;
    if (context.ownCgroupNamespace) {
      const named = controllers.find((controller) => controller.startsWith("name="))?.slice("name=".length);
      inside.push({
        op: "fsmount",
        slot,
        fstype: "cgroup",
        source: named ?? "cgroup",
        options: dataOf(controllers),
        attrs: options.set,
      });
    } else {
      const path = `${mountpoint}${context.cgroupPath}`;
      outside.push(...cloneOps(path, slot, { set: options.set }));
    }
    inside.push({ op: "move_mount", slot, target: `${destination}/${name}`, create: CREATE_DIRECTORY });
    inside.push({ op: "close_slot", slot });
    for (const controller of controllers) {
      if (controller === name || controller.includes("=")) continue;
      inside.push({ op: "symlink", target: name, path: `${destination}/${controller}` });
    }
  }
  return { outside, inside };
}

/** A named hierarchy has no controllers, which the file system wants to hear. */
function dataOf(controllers: readonly string[]): string[] {
  return controllers.some((name) => name.startsWith("name=")) ? ["none", ...controllers] : [...controllers];
}
