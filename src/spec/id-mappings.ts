import type { IdMapping } from "./runtime.ts";

/** The ids of a user namespace and what they are on the host (user_namespaces(7)). */
export interface IdMappings {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** What an id of the container is on the host; undefined for one that is not mapped. */
export function hostId(mappings: readonly IdMapping[], id: number): number | undefined {
  const found = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return found === undefined ? undefined : found.hostID + (id - found.containerID);
}

/** What an id of the host is in the container; undefined for one that is not mapped. */
export function containerId(mappings: readonly IdMapping[], id: number): number | undefined {
  const found = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return found === undefined ? undefined : found.containerID + (id - found.hostID);
}

/** The host's ids of the container's root. */
export function mappedRoot({ uids, gids }: IdMappings): { uid: number; gid: number } {
  return { uid: hostId(uids, 0) ?? 0, gid: hostId(gids, 0) ?? 0 };
}
