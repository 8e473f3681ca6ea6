import { closeSync } from "node:fs";
import { mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, type Native, O_DIRECTORY, S_IFCHR, S_IFMT } from "../sys/index.ts";
import { createRootfsViews } from "./rootfs-view.ts";

const DT_UNKNOWN = 0;

/**
 * Whether overlay works on the file system of `root`: a real stack is mounted (in no mount table), read, and a file
 * removed, which must leave a whiteout. Gives the reason why not, or undefined.
 * @throws what the kernel says.
 */
export async function probeOverlay(root: string, native: Native): Promise<string | undefined> {
  await mkdir(root, { recursive: true, mode: 0o710 });
  const place = await mkdtemp(join(root, ".overlay-probe-"));
  try {
    const [first, second, upper, work] = ["first", "second", "upper", "work"].map((name) => join(place, name));
    if (first === undefined || second === undefined || upper === undefined || work === undefined) return undefined;
    await Promise.all([first, second, upper, work].map((path) => mkdir(path)));
    await writeFile(join(second, "file"), "");
    if (!tellsTypes(native, second)) return "the backing file system does not support d_type";
    {
      await using view = await createRootfsViews({ native }).open({
        type: "overlay",
        lower: [first, second],
        upper,
        work,
      });
      await unlink(join(view.path, "file"));
    }
    const whiteout = native.statx(AT_FDCWD, join(upper, "file"), AT_SYMLINK_NOFOLLOW);
    return (whiteout.mode & S_IFMT) === S_IFCHR ? undefined : "removing a file leaves no whiteout";
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** overlay(5): without types in getdents(2), whiteouts cannot be told from files. */
function tellsTypes(native: Native, directory: string): boolean {
  const fd = native.openat2(AT_FDCWD, directory, O_DIRECTORY, 0, 0);
  try {
    return (native.getdents(fd) ?? []).every((entry) => entry.type !== DT_UNKNOWN);
  } finally {
    closeSync(fd);
  }
}
