import { lstat } from "node:fs/promises";
import { join, posix } from "node:path";
import { errnoOf, notFound } from "../../base/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import type { Native } from "../../sys/index.ts";

/**
 * What is mounted for a place in an image: a file or directory of one layer, or directories of several, the uppermost first.
 * By the rules of overlay(5), on the way to the place too: a whiteout and whatever is no directory hide what is lower, and
 * so does an opaque directory.
 * @param subpath within the image, as `create` checked it; empty: the image's root.
 * @throws not-found when it is not there; links on the way lead nowhere.
 */
export async function imageLayers(
  native: Pick<Native, "lgetxattr">,
  image: RootfsMount,
  subpath: string,
): Promise<[string, ...string[]]> {
  const layers =
    image.type === "bind" ? [image.source] : [...(image.upper === undefined ? [] : [image.upper]), ...image.lower];
  const found: string[] = [];
  const names = posix
    .normalize(subpath)
    .split("/")
    .filter((name) => name !== "" && name !== ".");
  for (const layer of layers) {
    const place = await placeIn(native, layer, names);
    if (place.kind === "directory" || (place.kind === "file" && found.length === 0)) found.push(place.path);
    if (place.hides) break;
  }
  const [first, ...others] = found;
  if (first === undefined) throw notFound(`no such file or directory in the image: ${subpath}`);
  return [first, ...others];
}

type Place = { kind: "directory" | "file"; path: string; hides: boolean } | { kind: "none"; hides: boolean };

async function placeIn(native: Pick<Native, "lgetxattr">, layer: string, names: readonly string[]): Promise<Place> {
  let path = layer;
  let hides = false;
  for (const [index, name] of names.entries()) {
    path = join(path, name);
    const status = await lstat(path).catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    });
    if (status === undefined) return { kind: "none", hides };
    if (!status.isDirectory()) {
      const isLast = index === names.length - 1;
      const isWhiteout = status.isCharacterDevice() && status.rdev === 0;
      return isLast && !isWhiteout && !status.isSymbolicLink()
        ? { kind: "file", path, hides: true }
        : { kind: "none", hides: true };
    }
    hides ||= isOpaque(native, path);
  }
  return { kind: "directory", path, hides };
}

function isOpaque(native: Pick<Native, "lgetxattr">, directory: string): boolean {
  try {
    return native.lgetxattr(directory, "trusted.overlay.opaque").toString("latin1") === "y";
  } catch (error) {
    if (errnoOf(error) === "ENODATA" || errnoOf(error) === "EOPNOTSUPP") return false;
    throw error;
  }
}
