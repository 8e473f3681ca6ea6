import type { Digest } from "../base/index.ts";
import type { ImageUsers } from "../image/index.ts";
import type { ContainerRegistry } from "./registry.ts";
import { isUp } from "./state.ts";

/** Which containers use an image, as their root file system or as a mount. */
export function imageUsersOf(registry: ContainerRegistry): ImageUsers {
  return {
    usersOf(id: Digest) {
      return registry
        .all()
        .filter(
          ({ record }) =>
            record.image.id === id || record.mounts.some((mount) => mount.type === "image" && mount.imageId === id),
        )
        .map((entry) => ({ containerId: entry.id, name: entry.name, running: isUp(entry.state) }));
    },
  };
}
