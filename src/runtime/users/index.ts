import type { RootfsMount } from "../../snapshot/index.ts";
import { readLayeredFiles, type LayerCalls } from "./layered-file.ts";
import { resolveUser, type ResolvedUser } from "./user.ts";

export { layeredDirectoryMode, readLayeredFiles, type LayerCalls } from "./layered-file.ts";
export { resolveUser } from "./user.ts";

/** More than any real passwd; an image could hold gigabytes. */
const MAX_DATABASE = 8 * 1024 * 1024;

/**
 * Resolves a user by the passwd and group files of a root file system that need not be mounted.
 * @throws as `resolveUser`; invalid for files that are too large.
 */
export function lookupUser(
  calls: LayerCalls,
  rootfs: RootfsMount,
  user: string,
  groupAdd: readonly string[] = [],
): ResolvedUser {
  const [passwd = "", group = ""] = readLayeredFiles(calls, rootfs, ["/etc/passwd", "/etc/group"], MAX_DATABASE);
  return resolveUser({ passwd, group }, user, groupAdd);
}
