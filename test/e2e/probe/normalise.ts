import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { World } from "./worlds.ts";

export interface Known {
  /** Ids of the containers that took part. */
  ids: readonly string[];
  /** Whose namespace a link names. */
  namespaces: ReadonlyMap<string, string>;
}

/** The lines of a probe, each `SECTION: LINE`, without what differs between any two runs, engines or machines. */
export function normalise(text: string, world: World, known: Known): string[] {
  const lines: string[] = [];
  let section = "";
  let complete = false;
  for (const line of text.replaceAll("\r", "").split("\n")) {
    const head = /^\[([a-z. -]+)\]$/.exec(line)?.[1];
    if (head === "end") complete = true;
    if (head !== undefined) section = head;
    else if (line !== "")
      lines.push(
        ...(SECTIONS[section] ?? plain)(anonymous(line, known), world, known).map((kept) => `${section}: ${kept}`),
      );
  }
  if (!complete) throw new Error(`the probe of "${world.name}" did not come to its end:\n${text}`);
  return lines.sort();
}

type Rule = (line: string, world: World, known: Known) => string[];

const plain: Rule = (line) => [line];

function anonymous(line: string, { ids }: Known): string {
  const named = ids.reduce(
    (sum, id, index) =>
      sum
        .replaceAll(id, index === 0 ? "<id>" : "<peer>")
        .replaceAll(id.slice(0, 12), index === 0 ? "<short>" : "<peer-short>"),
    line,
  );
  return named.replace(/\b[0-9a-f]{64}\b/g, "<hex>");
}

const isHost = (world: World, member: string) => world.host?.[member] === "host";

const SECTIONS: Readonly<Record<string, Rule>> = {
  env: hostNames,
  hostname: hostNames,
  hosts: (line, world) =>
    isHost(world, "NetworkMode") ? [] : hostNames(line.replace(/^10\.\S+|^172\.\S+/, "<address>")),
  // What the daemon itself was given is passed on; only what was asked for is comparable.
  limits: (line, world) =>
    world.host?.["Ulimits"] !== undefined && /^Max (open|core)/.test(line) ? [line.replace(/ +/g, " ")] : [],
  "resolv.conf": (line, world) => (world.host?.["Dns"] === undefined || line.startsWith("#") ? [] : [line]),
  network: (line, world) => (isHost(world, "NetworkMode") || !/^(lo|eth\d+)$/.test(line) ? [] : [line]),
  fds: (line) => [line.replace(/:\[\d+\]/, "")],
  status: (line) => [line.replace(/^(NSpid:\t|PPid:\t)([2-9]|\d\d+)(\t\d+)?$/, "$1<pid>")],
  process: (line) => (/^(loginuid|coredump_filter) /.test(line) ? [] : [line.replace(/\s+/g, " ")]),
  namespaces: (line, _, { namespaces }) => {
    const [kind, link = ""] = line.split(" ");
    return [`${kind} ${namespaces.get(link) ?? "own"}`];
  },
  sysctl: (line, world) => (line.startsWith("net/") && isHost(world, "NetworkMode") ? [] : hostNames(line)),
  mounts: mountLine,
  cgroup: (line) => [withoutParent(line.replace(/^\d+:/, ""))],
  "limits-of-cgroups": (line) => [line.replace(/^(cpuset\S+) 0-\d+$/, "$1 <all>")],
  devices: (line, world) =>
    world.host?.["Privileged"] === true && !STANDARD_DEVICES.has(line.split(" ")[0] ?? "") ? [] : [line],
};

const STANDARD_DEVICES: ReadonlySet<string> = new Set(
  "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    .split(" ")
    .map((name) => `/dev/${name}`),
);

function hostNames(line: string): string[] {
  return [line.replaceAll(new RegExp(`(?<![\\w.-])${RegExp.escape(hostname())}(?![\\w.-])`, "g"), "<host>")];
}

/** An engine's containers stand beneath a cgroup of its own. */
function withoutParent(line: string): string {
  return line.replace(/\/[\w.-]+\/<id>/, "/<parent>/<id>").replace(/\/[\w.-]+\/<peer>/, "/<parent>/<peer>");
}

/** File systems that are the kernel's own: of all others, only that they are the host's disk is told. */
const KERNEL_FILE_SYSTEMS = new Set(["proc", "tmpfs", "devpts", "sysfs", "cgroup", "cgroup2", "mqueue", "overlay"]);

/** Where an overlay's layers are, whether the kernel gave it an id, and how large the host's own /dev/shm is. */
const OF_THE_ENGINE = /^(lowerdir|upperdir|workdir|lowerdir\+|uuid)=/;

function mountLine(line: string, world: World): string[] {
  const [own = "", source = ""] = line.split(" - ");
  const [, , , root = "", target = "", options = "", ...propagation] = own.split(" ");
  const [type = "", device = "", settings = ""] = source.split(" ");
  // Of the host's disk, propagation depends on how the host has it mounted.
  const shared = propagation.map((word) => word.replace(/:\d+/, "")).join(",");
  if (!KERNEL_FILE_SYSTEMS.has(type)) return [`${target} ${options} from the disk: ${placeOf(root)}`];
  const hostShm = target === "/dev/shm" && isHost(world, "IpcMode");
  const kept = settings
    .split(",")
    .filter((setting) => !OF_THE_ENGINE.test(setting) && !(hostShm && setting.startsWith("size=")));
  return [`${target} ${options} ${shared} ${type} ${device} ${kept.join(",")} ${withoutParent(root)}`];
}

/** Which folder of its file system this machine has as `/`: in a chroot or on a subvolume not the top one. */
const ROOT_OF_MACHINE = /^\S+ \S+ \S+ (\S+) \/ /m.exec(readFileSync("/proc/self/mountinfo", "utf8"))?.[1] ?? "/";

function placeOf(path: string): string {
  const root = path.startsWith(`${ROOT_OF_MACHINE}/`) ? path.slice(ROOT_OF_MACHINE.length) : path;
  return root.endsWith("/volumes/<hex>/_data") ? "<volume>" : root.replace(/^.*\/containers\/<(id|peer)>\//, "<$1>/");
}
