import { posix } from "node:path";
import type { Mount } from "../../api/index.ts";
import { invalid, type EngineError } from "../../base/index.ts";
import { quote } from "../../template/index.ts";
import { isPropagation } from "./mount-mode.ts";

const OPTIONS = {
  BindOptions: "bind",
  VolumeOptions: "volume",
  TmpfsOptions: "tmpfs",
  ImageOptions: "image",
} as const;
const KNOWN: readonly string[] = Object.values(OPTIONS);

/** Checks one member of `Mounts`. @throws invalid with Docker's text. */
export function checkMount(mount: Mount): void {
  const type: string = mount.Type ?? "";
  const bad = (why: string): EngineError => invalid(`invalid mount config for type ${quote(type)}: ${why}`);
  if (!mount.Target) throw bad("field Target must not be empty");
  for (const [key, owner] of Object.entries(OPTIONS)) {
    // Object.entries widens the keys of OPTIONS, which are all keys of Mount.
    if (owner === type || mount[key as keyof typeof OPTIONS] === undefined) continue;
    if (key !== "ImageOptions") throw invalid(`${key} must not be specified on mount type ${quote(type)}`);
    if (KNOWN.includes(type)) throw bad(`field ${key} must not be specified`);
  }
  if (!KNOWN.includes(type)) throw bad("mount type unknown");
  if (!mount.Target.startsWith("/")) throw bad(`invalid mount path: '${mount.Target}' mount path must be absolute`);
  if (posix.normalize(mount.Target) === "/") throw bad("invalid specification: destination can't be '/'");
  const { ReadOnlyNonRecursive, ReadOnlyForceRecursive } = mount.BindOptions ?? {};
  if (ReadOnlyNonRecursive === true && ReadOnlyForceRecursive === true)
    throw invalid("mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive");
  checkSource(mount, bad);
}

function checkSource(mount: Mount, bad: (why: string) => EngineError): void {
  const source = mount.Source ?? "";
  switch (
    mount.Type as "bind" | "tmpfs" | "image" | "volume" // checked by the caller
  ) {
    case "bind": {
      if (source === "") throw bad("field Source must not be empty");
      if (!source.startsWith("/")) throw bad(`invalid mount path: '${source}' mount path must be absolute`);
      const bind = mount.BindOptions ?? {};
      if (bind.Propagation && !isPropagation(bind.Propagation)) {
        throw bad(`invalid propagation mode: ${bind.Propagation}`);
      }
      if (bind.ReadOnlyForceRecursive && !mount.ReadOnly) throw bad("ReadOnlyForceRecursive requires ReadOnly");
      return;
    }
    case "tmpfs":
      if (source !== "") throw bad("field Source must not be specified");
      for (const option of mount.TmpfsOptions?.Options ?? []) checkTmpfsOption(option, bad);
      return;
    case "image":
      if (source === "") throw bad("field Source must not be empty");
      return checkSubpath(mount.ImageOptions?.Subpath, bad);
    case "volume":
      if (source === "" && mount.ReadOnly) throw bad("must not set ReadOnly mode when using anonymous volumes");
      if (source === "" && mount.VolumeOptions?.Subpath) {
        throw bad("must not set Subpath when using anonymous volumes");
      }
      return checkSubpath(mount.VolumeOptions?.Subpath, bad);
  }
}

/** Size and mode have members of their own, so that nothing but execution is left to choose. */
function checkTmpfsOption(option: readonly string[], bad: (why: string) => EngineError): void {
  const [name = ""] = option;
  if (option.length !== 1 && option.length !== 2) throw bad("invalid option array length");
  if (name !== "exec" && name !== "noexec") throw bad(`invalid option: ${name}`);
}

function checkSubpath(subpath: string | undefined, bad: (why: string) => EngineError): void {
  if (!subpath) return;
  const normal = posix.normalize(subpath);
  if (normal.startsWith("/") || normal === ".." || normal.startsWith("../")) {
    throw bad("subpath must be a relative path within the volume");
  }
}
