import type { HostConfig } from "../../api/index.ts";
import { unknown } from "../../base/index.ts";
import type { MountSpec } from "../../spec/index.ts";
import { quote } from "../../template/index.ts";
import { namespaceMode } from "../create/modes.ts";
import type { ContainerRecord, MountRecord } from "../record.ts";
import type { NamespacePaths } from "./namespaces.ts";

/** The container's own files on the host. */
export interface ContainerFiles {
  hosts: string;
  hostname: string;
  resolvConf: string;
}

interface MountContext {
  files: ContainerFiles;
  paths: NamespacePaths;
  /** By the mount's target: what is mounted there, as `imageLayers` gives it. */
  imageMounts: ReadonlyMap<string, readonly [string, ...string[]]>;
}

/**
 * The whole list in the order of mounting: Docker's standard ones, then the container's files and what was asked for, the
 * outer ones first, so that a mount on /etc does not hide the files.
 */
export function compileMounts(
  record: Pick<ContainerRecord, "mounts" | "hostConfig">,
  context: MountContext,
  writableCgroups: boolean,
): MountSpec[] {
  const asked = record.mounts.map((mount) => compileMount(mount, context.imageMounts));
  const targets = new Set(asked.map((mount) => mount.destination));
  const free = (mount: MountSpec) => !targets.has(mount.destination);
  return [
    ...standardMounts(record.hostConfig, context.paths, writableCgroups).filter(free),
    ...[...ownFiles(context.files, record.hostConfig.ReadonlyRootfs === true).filter(free), ...asked].sort(byDepth),
  ];
}

function standardMounts(host: HostConfig, paths: NamespacePaths, writableCgroups: boolean): MountSpec[] {
  const privileged = host.Privileged === true;
  const sysMode = privileged ? "rw" : "ro";
  const cgroupMode = privileged || writableCgroups ? "rw" : "ro";
  const mounts: MountSpec[] = [
    mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", sysMode]),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", [cgroupMode, "nosuid", "noexec", "nodev"]),
    // Shows the queues of the container's IPC namespace, be it the host's.
    mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
  ];
  if (host.IpcMode === "none") return mounts;
  const shared = namespaceMode(host.IpcMode).kind === "host" ? "/dev/shm" : paths.shm;
  mounts.push(
    shared === undefined
      ? mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", `size=${host.ShmSize ?? 0}`])
      : mount("/dev/shm", "bind", shared, ["rbind", "rprivate"]),
  );
  return mounts;
}

function ownFiles(files: ContainerFiles, readOnly: boolean): MountSpec[] {
  const options = ["rbind", "rprivate", ...(readOnly ? ["ro"] : [])];
  return [
    mount("/etc/resolv.conf", "bind", files.resolvConf, options),
    mount("/etc/hostname", "bind", files.hostname, options),
    mount("/etc/hosts", "bind", files.hosts, options),
  ];
}

function compileMount(record: MountRecord, images: MountContext["imageMounts"]): MountSpec {
  switch (record.type) {
    case "bind": {
      const how = record.recursive ? "rbind" : "bind";
      return mount(record.target, "bind", record.source, [how, ...access(record), record.propagation]);
    }
    case "volume": {
      return beneath(record.source, record.subpath, record.target, ["rbind", record.readOnly ? "ro" : "rw"]);
    }
    case "image": {
      const [first, ...others] = images.get(record.target) ?? [""];
      if (others.length === 0) return mount(record.target, "bind", first, ["rbind", "ro", "rprivate"]);
      const layers = [first, ...others];
      const options = [`lowerdir=${layers.join(":")}`, "ro", "rprivate"];
      return { ...mount(record.target, "overlay", "overlay", options), layers };
    }
    case "tmpfs":
    default:
      return mount(record.target, "tmpfs", "tmpfs", tmpfsOptions(record));
  }
}

function access(record: Extract<MountRecord, { type: "bind" }>): string[] {
  if (!record.readOnly) return ["rw"];
  // rro also covers what is mounted below.
  return record.recursive && record.readOnlyRecursion !== "none" ? ["rro"] : ["ro"];
}

/** Pairs of which the last one said counts. */
const PAIRS: ReadonlyArray<readonly [string, string]> = [
  ["exec", "noexec"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["rw", "ro"],
];

/** What Docker takes as an option of `--tmpfs`, alone or before `=`. */
const TMPFS_WORDS = new Set(
  (
    "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime " +
    "nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime " +
    "strictatime nostrictatime"
  ).split(" "),
);
const TMPFS_KEYS = new Set(["mode", "uid", "gid", "size", "nr_blocks", "nr_inodes", "mpol"]);

/** @throws unknown with Docker's text for an option of `--tmpfs` that Docker does not know. */
function checkTmpfsOption(option: string): void {
  const [key = "", ...value] = option.split("=");
  if (TMPFS_WORDS.has(option) || (value.length > 0 && TMPFS_KEYS.has(key))) return;
  throw unknown(`invalid tmpfs option ${quote(key)}`);
}

function tmpfsOptions(record: Extract<MountRecord, { type: "tmpfs" }>): string[] {
  if (record.legacy) record.options.forEach(checkTmpfsOption);
  const options = ["noexec", "nosuid", "nodev", "rprivate"];
  for (const option of [...record.options, ...(record.readOnly ? ["ro"] : [])]) {
    const pair = PAIRS.find((words) => words.includes(option));
    const kept = pair === undefined ? options : options.filter((other) => !pair.includes(other));
    options.splice(0, options.length, ...kept, option);
  }
  return options;
}

function byDepth(a: MountSpec, b: MountSpec): number {
  return a.destination.split("/").length - b.destination.split("/").length;
}

/** A sub path is another party's to change while it is opened: it must not lead out of the volume. */
function beneath(root: string, subpath: string, target: string, options: string[]): MountSpec {
  if (subpath === "") return mount(target, "bind", root, options);
  return { ...mount(target, "bind", `${root}/${subpath}`, options), beneath: root };
}

function mount(destination: string, type: string, source: string, options: string[]): MountSpec {
  return { destination, type, source, options };
}
