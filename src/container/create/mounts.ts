import { posix } from "node:path";
import type { ContainerConfig, HostConfig, Mount } from "../../api/index.ts";
import { invalid, unknown, type EngineError } from "../../base/index.ts";
import type { MountRecord } from "../record.ts";
import { checkMount } from "./mount-checks.ts";
import { parseMode, type MountMode } from "./mount-mode.ts";

type Bind = Extract<MountRecord, { type: "bind" }>;

/** A mount as asked for; volumes have no source yet. `ensure` of the volume layer settles them. */
export type WantedMount =
  | Exclude<MountRecord, { type: "volume" | "image" }>
  | {
      readonly type: "volume";
      readonly name: string | undefined;
      readonly driver: string | undefined;
      readonly driverOptions: Record<string, string>;
      readonly labels: Record<string, string>;
      readonly subpath: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly mode: string;
      readonly noCopy: boolean;
    }
  | { readonly type: "image"; readonly reference: string; readonly subpath: string; readonly target: string }
  /** Taken over from another container as it stands. */
  | { readonly type: "inherited"; readonly target: string; readonly record: MountRecord };

/**
 * Every mount that the request and the image ask for, one a target: binds, mounts, tmpfs, then what `--volumes-from`
 * gives, then the image's and the request's anonymous volumes where nothing else stands.
 * @param from finds the mounts of another container.
 * @param dataRoot the engine's own files. @throws what Docker answers for a bad specification.
 */
export function wantedMounts(
  config: ContainerConfig,
  host: HostConfig,
  from: (ref: string) => readonly MountRecord[],
  dataRoot: string,
): WantedMount[] {
  const inherited = (host.VolumesFrom ?? []).flatMap((entry) => parseVolumesFrom(entry, from));
  const plain: WantedMount[] = [
    ...(host.Binds ?? []).map((bind) => parseBind(bind, host.VolumeDriver)),
    ...(host.Mounts ?? []).map((mount) => parseMount(mount)),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options)),
  ];
  const asked = plain.map((mount) => (mount.type === "bind" ? propagated(mount, dataRoot) : mount));
  const targets = new Set<string>();
  for (const mount of asked) {
    if (targets.has(mount.target)) throw invalid(`Duplicate mount point: ${mount.target}`);
    targets.add(mount.target);
  }
  // The last of several containers to inherit from wins, and what was asked for by name wins over all of them.
  const taken = new Map(inherited.filter((mount) => !targets.has(mount.target)).map((mount) => [mount.target, mount]));
  const anonymous = Object.keys(config.Volumes ?? {})
    .map((target) => clean(target))
    .filter((target) => !targets.has(target) && !taken.has(target))
    .map((target) => anonymousVolume(target, host.VolumeDriver));
  if (anonymous.some(({ target }) => target === "/" || target === ".")) {
    throw invalid("invalid volume specification: destination can't be '/'");
  }
  return [...asked, ...taken.values(), ...anonymous];
}

function parseVolumesFrom(entry: string, from: (ref: string) => readonly MountRecord[]): WantedMount[] {
  if (entry === "") throw invalid("volumes-from specification cannot be an empty string");
  const colon = entry.indexOf(":");
  const ref = colon < 0 ? entry : entry.slice(0, colon);
  const mode = colon < 0 ? "" : entry.slice(colon + 1);
  if (ref === "") throw invalid('invalid name or ID supplied: ""');
  const parsed = parseMode(mode);
  if (parsed === undefined || parsed.propagation !== undefined || parsed.noCopy) throw invalid(`invalid mode: ${mode}`);
  return from(ref).flatMap((record): WantedMount[] => {
    if (record.type === "tmpfs") return [];
    return [{ type: "inherited", target: record.target, record: inherit(record, parsed.readOnly) }];
  });
}

/** A volume that is shared has its content: the image's is not copied into it. */
function inherit(record: Exclude<MountRecord, { type: "tmpfs" }>, readOnly: boolean): MountRecord {
  if (record.type === "image") return record;
  const narrowed = { readOnly: record.readOnly || readOnly };
  return record.type === "volume" ? { ...record, ...narrowed, noCopy: true } : { ...record, ...narrowed };
}

/** `[source:]target[:mode]`. @throws unknown (500, as Docker) or invalid. */
export function parseBind(bind: string, driver: string | undefined): WantedMount {
  const parts = bind.split(":");
  const malformed = unknown(`invalid volume specification: '${bind}'`);
  if (parts.length > 3 || parts[0] === "") throw malformed;
  if (parts.length === 1) return { ...anonymousVolume(checkTarget(bind, bind), driver), mode: "z" };
  const [source = "", target = ""] = parts;
  const mode = parseMode(parts[2] ?? "");
  if (mode === undefined) throw unknown(`invalid mode: ${parts[2]}`);
  const kind = source.startsWith("/") ? "bind" : "volume";
  const at = checkTarget(bind, target, kind);
  const wrong = kind === "bind" ? mode.noCopy : mode.propagation !== undefined;
  if (wrong) throw wrongOptions(bind, kind);
  if (kind === "bind") return bindMount(clean(source), at, mode, parts[2] ?? "", true);
  return {
    type: "volume",
    name: source,
    driver: driver || undefined,
    driverOptions: {},
    labels: {},
    subpath: "",
    target: at,
    readOnly: mode.readOnly,
    mode: parts[2] || "z",
    noCopy: mode.noCopy,
  };
}

function wrongOptions(bind: string, kind: "bind" | "volume"): EngineError {
  const member = kind === "bind" ? "VolumeOptions" : "BindOptions";
  return unknown(
    `invalid volume specification: '${bind}': invalid mount config for type "${kind}": field ${member} must not be specified`,
  );
}

function checkTarget(bind: string, target: string, kind: "bind" | "volume" = "volume"): string {
  const wrap = (why: string): EngineError =>
    unknown(`invalid volume specification: '${bind}': invalid mount config for type "${kind}": ${why}`);
  if (target === "") throw wrap("field Target must not be empty");
  if (!target.startsWith("/")) throw wrap(`invalid mount path: '${target}' mount path must be absolute`);
  if (clean(target) === "/") throw wrap("invalid specification: destination can't be '/'");
  return clean(target);
}

function bindMount(source: string, target: string, mode: MountMode, text: string, createSource: boolean): WantedMount {
  return {
    type: "bind",
    source,
    target,
    readOnly: mode.readOnly,
    recursive: true,
    mode: text,
    propagation: mode.propagation ?? "",
    readOnlyRecursion: "best-effort",
    createSource,
  };
}

/**
 * Propagation where none was asked for. What the engine mounts and unmounts in its own folder may not be kept by a container
 * that has the folder.
 * @throws invalid, in Docker's words, for another propagation of that folder.
 */
function propagated(mount: Bind, dataRoot: string): Bind {
  const { source, propagation } = mount;
  if (!sharesFiles(source, dataRoot)) return { ...mount, propagation: propagation || "rprivate" };
  if (propagation === "" || propagation === "rslave" || propagation === "rshared") {
    return { ...mount, propagation: propagation || "rslave" };
  }
  throw invalid(
    'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, ' +
      `daemon root: "${dataRoot}", bind mount source: "${source}", propagation: "${propagation}"`,
  );
}

/** One of them is in the other, or is the other. */
export function sharesFiles(source: string, dataRoot: string): boolean {
  return isWithin(source, dataRoot) || isWithin(dataRoot, source);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function anonymousVolume(target: string, driver: string | undefined): Extract<WantedMount, { type: "volume" }> {
  return {
    type: "volume",
    name: undefined,
    driver: driver || undefined,
    driverOptions: {},
    labels: {},
    subpath: "",
    target,
    readOnly: false,
    mode: "",
    noCopy: false,
  };
}

/** A member of `Mounts`. @throws invalid `invalid mount config for type "…": …`. */
export function parseMount(mount: Mount): WantedMount {
  checkMount(mount);
  const target = clean(mount.Target ?? "");
  const readOnly = mount.ReadOnly ?? false;
  switch (
    mount.Type as "bind" | "tmpfs" | "image" | "volume" // checkMount let no other through
  ) {
    case "bind": {
      const bind = mount.BindOptions ?? {};
      return {
        type: "bind",
        source: posix.normalize(mount.Source ?? ""),
        target,
        readOnly,
        recursive: bind.NonRecursive !== true,
        mode: "",
        propagation: bind.Propagation ?? "",
        readOnlyRecursion: bind.ReadOnlyForceRecursive ? "forced" : bind.ReadOnlyNonRecursive ? "none" : "best-effort",
        createSource: bind.CreateMountpoint ?? false,
      };
    }
    case "tmpfs":
      return { type: "tmpfs", target, readOnly, options: tmpfsOptions(mount), legacy: false };
    case "image":
      return {
        type: "image",
        reference: mount.Source ?? "",
        subpath: mount.ImageOptions?.Subpath ?? "",
        target,
      };
    case "volume":
    default: {
      const volume = mount.VolumeOptions ?? {};
      return {
        type: "volume",
        name: mount.Source || undefined,
        driver: volume.DriverConfig?.Name || undefined,
        driverOptions: volume.DriverConfig?.Options ?? {},
        labels: volume.Labels ?? {},
        subpath: volume.Subpath ?? "",
        target,
        readOnly,
        mode: "z",
        noCopy: volume.NoCopy ?? false,
      };
    }
  }
}

function tmpfsOptions(mount: Mount): string[] {
  const { SizeBytes, Mode, Options } = mount.TmpfsOptions ?? {};
  return [
    ...(SizeBytes ? [`size=${SizeBytes}`] : []),
    ...(Mode ? [`mode=${Mode.toString(8)}`] : []),
    ...(Options ?? []).map((pair) => pair.join("=")),
  ];
}

function parseTmpfs(target: string, options: string): WantedMount {
  if (!target.startsWith("/")) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  if (clean(target) === "/") throw invalid("invalid specification: destination can't be '/'");
  const list = options.split(",").filter((option) => option !== "");
  return { type: "tmpfs", target: clean(target), readOnly: list.includes("ro"), options: list, legacy: true };
}

function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 ? normal.replace(/\/$/, "") : normal;
}
