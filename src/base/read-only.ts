import { statSync, utimesSync } from "node:fs";
import { errnoOf } from "./errors.ts";

/**
 * Whether the file system of a folder takes no writes. Tried by a change that changes nothing: access(2) does not know of
 * an ext4 that has stopped writing after an error.
 */
export function isReadOnly(folder: string): boolean {
  try {
    const { atime, mtime } = statSync(folder);
    utimesSync(folder, atime, mtime);
  } catch (error) {
    return errnoOf(error) === "EROFS";
  }
  return false;
}
