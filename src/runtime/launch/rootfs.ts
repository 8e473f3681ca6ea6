import { basename, dirname } from "node:path";
import type { RootfsMount } from "../../snapshot/index.ts";
import { mappedRoot, type IdMappings } from "../../spec/index.ts";
import { MOUNT_ATTR_IDMAP } from "../../sys/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { cloneOps } from "./clone.ts";
import { SLOT_ROOT } from "./constants.ts";
import { specFailure } from "./errors.ts";
import { mapText } from "./user-namespace.ts";

/** Slots for layers, beyond those of devices. */
const SLOT_USERNS = 3500;
const SLOT_UPPER = 3501;
const SLOT_LOWER = 3502;

/** Opens the root file system, as the host's root. */
export function rootOps(rootfs: RootfsMount): PlanOp[] {
  if (rootfs.type === "bind") {
    return cloneOps(rootfs.source, SLOT_ROOT);
  }
  const { lower, upper = "", work = "" } = rootfs;
  return [{ op: "overlay", slot: SLOT_ROOT, lower, upper, work, options: optionsOf(rootfs), attrs: 0 }];
}

function optionsOf({ volatile }: { volatile?: boolean }): string[] {
  return volatile === true ? ["volatile"] : [];
}

/**
 * The same for a user namespace: every layer, also the writable one, is taken through an idmapped mount. What is on disk
 * has the container's ids whatever the mapping, so that layers are shared, and commit, diff and export need not know.
 */
export function idmappedRootOps(rootfs: RootfsMount, mappings: IdMappings): PlanOp[] {
  const ops: PlanOp[] = [
    { op: "new_userns", slot: SLOT_USERNS, uidMap: mapText(mappings.uids), gidMap: mapText(mappings.gids) },
  ];
  if (rootfs.type === "bind") return [...ops, ...idmapped(rootfs.source, SLOT_ROOT)];
  const { upper, work } = rootfs;
  const lower = rootfs.lower.map((path, index) => {
    ops.push(...idmapped(path, SLOT_LOWER + index));
    return `@${SLOT_LOWER + index}`;
  });
  const { uid, gid } = mappedRoot(mappings);
  const over = { op: "overlay", slot: SLOT_ROOT, lower, options: optionsOf(rootfs), attrs: 0 } as const;
  if (upper === undefined || work === undefined) return [...ops, { ...over, upper: "", work: "" }];
  // overlay(5): both must be on one mount.
  if (dirname(upper) !== dirname(work)) throw specFailure(`${upper} and ${work} are not in one directory`);
  ops.push(...idmapped(dirname(upper), SLOT_UPPER));
  const within = (path: string) => `@${SLOT_UPPER}/${basename(path)}`;
  return [
    ...ops,
    { op: "fs_ids", uid, gid },
    { ...over, upper: within(upper), work: within(work) },
    { op: "fs_ids", uid: 0, gid: 0 },
  ];
}

function idmapped(path: string, slot: number): PlanOp[] {
  return cloneOps(path, slot, { set: MOUNT_ATTR_IDMAP, userns: SLOT_USERNS });
}
