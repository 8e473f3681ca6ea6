import { open } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, isReadOnly } from "../base/index.ts";
import { LOCK_EX, type Native } from "../sys/index.ts";
import { rootInUse } from "./errors.ts";

/**
 * One daemon for a data root: flock(2) on a file in it, released by the kernel however the daemon ends.
 * @throws conflict when another daemon holds it.
 */
export async function lockRoot(root: string, native: Native): Promise<AsyncDisposable> {
  const path = join(root, "lock");
  // What was locked once can be locked again when the file system has become read-only.
  const file = await (isReadOnly(root) ? open(path, "r") : open(path, "a", 0o600));
  try {
    native.flock(file.fd, LOCK_EX);
  } catch (error) {
    await file.close();
    throw errnoOf(error) === "EAGAIN" || errnoOf(error) === "EWOULDBLOCK" ? rootInUse(root) : error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}
