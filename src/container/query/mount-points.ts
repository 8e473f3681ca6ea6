import type { MountPoint } from "../../api/index.ts";
import type { MountRecord } from "../record.ts";

/** Mounts as list and inspect show them; tmpfs of the older kind stand in the host config only. */
export function mountPoints(mounts: readonly MountRecord[]): MountPoint[] {
  return mounts.flatMap((mount): MountPoint[] => {
    const common = { Destination: mount.target, RW: !mount.readOnly };
    switch (mount.type) {
      case "bind":
        return [{ Type: "bind", Source: mount.source, ...common, Mode: mount.mode, Propagation: mount.propagation }];
      case "volume":
        return [
          {
            Type: "volume",
            Name: mount.name,
            Source: mount.source,
            ...common,
            Driver: mount.driver,
            Mode: mount.mode,
            Propagation: "",
          },
        ];
      case "image":
        return [{ Type: "image", Name: mount.name, Source: "", ...common, Mode: "", Propagation: "rprivate" }];
      case "tmpfs":
      default:
        return mount.legacy ? [] : [{ Type: "tmpfs", Source: "", ...common, Mode: "", Propagation: "" }];
    }
  });
}
