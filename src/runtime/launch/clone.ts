import { MS_PRIVATE, OPEN_TREE_CLONE } from "../../sys/index.ts";
import { NO_SLOT, type PlanOp } from "../plan/index.ts";

/**
 * A clone of what is at a path of the host, as a mount that is a peer of none: one of what is shared would pass on to the
 * host what is mounted in it, and a root must not be shared (pivot_root(2)).
 * @param attributes `set`: MOUNT_ATTR_*; `userns`: slot of the namespace for MOUNT_ATTR_IDMAP.
 */
export function cloneOps(path: string, slot: number, attributes: { set?: number; userns?: number } = {}): PlanOp[] {
  const { set = 0, userns = NO_SLOT } = attributes;
  return [
    { op: "open_tree", slot, root: "", path, flags: OPEN_TREE_CLONE },
    { op: "mount_setattr", slot, set, clear: 0, propagation: MS_PRIVATE, recursive: 0, userns },
  ];
}
