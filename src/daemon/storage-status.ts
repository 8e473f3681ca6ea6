import { statfsSync } from "node:fs";

/** statfs(2): magic numbers of file systems that data roots are on, with the names that Docker shows. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0xef53, "extfs"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "zfs"],
  [0xf2f52010, "f2fs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlayfs"],
  [0x6969, "nfs"],
]);

/** `DriverStatus` of /info: what the storage driver stands on, and how it uses it. */
export function storageStatus(driver: string, root: string): string[][] {
  if (driver !== "overlay2") return [];
  return [
    ["Backing Filesystem", NAMES.get(statfsSync(root).type) ?? "<unknown>"],
    // The driver is refused without these, and uses neither metadata-only copies nor unprivileged attributes.
    ["Supports d_type", "true"],
    ["Using metacopy", "false"],
    ["Native Overlay Diff", "true"],
    ["userxattr", "false"],
  ];
}
