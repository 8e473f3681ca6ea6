import { containerId, hostId, mappedRoot, type IdMappings } from "../spec/index.ts";
import type { Native } from "../sys/index.ts";
import type { Owner } from "./metadata.ts";

/** What a file of a tree without an owner in the container is given in an archive, as the kernel shows it (overflowuid). */
const NOBODY = 65534;

/** The same system calls, which show a tree's owners as the container's ids. */
export function showingContainerIds(native: Native, ids: IdMappings | undefined): Native {
  if (ids === undefined) return native;
  return {
    ...native,
    statx: (directory, path, flags) => {
      const status = native.statx(directory, path, flags);
      return {
        ...status,
        uid: containerId(ids.uids, status.uid) ?? NOBODY,
        gid: containerId(ids.gids, status.gid) ?? NOBODY,
      };
    },
  };
}

/**
 * Runs work as the container's root: who is not mapped cannot make a file in a root file system that is idmapped. For
 * threads that do one thing at a time.
 */
export async function asRootOf<T>(native: Native, ids: IdMappings | undefined, work: () => Promise<T>): Promise<T> {
  if (ids === undefined) return await work();
  const { uid, gid } = mappedRoot(ids);
  native.setFsIds(uid, gid);
  try {
    return await work();
  } finally {
    native.setFsIds(0, 0);
  }
}

/** The host's ids for an owner in the container. @throws RangeError for an id that the container does not have. */
export function ownerOnHost(owner: Owner, ids: IdMappings | undefined): Owner {
  if (ids === undefined) return owner;
  const uid = hostId(ids.uids, owner.uid);
  const gid = hostId(ids.gids, owner.gid);
  if (uid === undefined || gid === undefined) {
    throw new RangeError(`the container's user namespace has no id for ${owner.uid}:${owner.gid}`);
  }
  return { uid, gid };
}
