import { readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { trackedConnections, type EngineSubnet } from "./connections.ts";
import { run } from "./process.ts";
import { hostSysctls } from "./sysctls.ts";
import { eventually } from "./wait.ts";

/** What belongs to one test engine on the host. */
export interface EngineTraces {
  name: string;
  folder: string;
  cgroupParent: string;
  subnets: readonly EngineSubnet[];
}

/**
 * Everything of that engine that stands on the host now, one line each, and the host's settings of the network: apart from
 * those, a clean host gives none.
 */
export async function inventory(engine: EngineTraces): Promise<string[]> {
  return [
    ...mounts(engine).map((line) => `mount ${line}`),
    ...processes(engine)
      .filter((pid) => !isSpare(pid))
      .map((pid) => `process ${pid} ${commandOf(pid)}`),
    ...cgroups(engine).map((path) => `cgroup ${path}`),
    ...links(engine).map((name) => `link ${name}`),
    ...ports(engine).map((name) => `port of a bridge ${name}`),
    ...(await rules(engine)).map((rule) => `rule ${rule}`),
    ...(await trackedConnections(engine.subnets)).map((line) => `connection ${line}`),
    ...hostSysctls().map((line) => `setting ${line}`),
    ...FOLDERS.flatMap((folder) => entries(join(engine.folder, folder))).map((path) => `file ${path}`),
  ];
}

/** Where an engine keeps one entry a thing: containers, layers, volumes, blobs, runs, and what is being removed. */
const FOLDERS = [
  "data/containers",
  "data/overlay2",
  "data/overlay2/l",
  "data/.removed-overlay2",
  "data/volumes",
  "data/volumes/.removed",
  "data/content/blobs/sha256",
  "data/content/partial",
  "data/content/scratch",
  "exec/tasks",
];

function entries(folder: string): string[] {
  return exists(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function mounts(engine: EngineTraces): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(engine.folder));
}

/** Pids with the engine's folder in their command line: its daemon and shims. */
function processes(engine: EngineTraces): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandOf(pid).includes(engine.folder));
}

/** A shim that waits for its container: it belongs to the daemon and ends with it. */
function isSpare(pid: number): boolean {
  return commandOf(pid).includes("/spare/");
}

/** The pid of a container's shim. @throws when there is none. */
export function shimOf(engine: EngineTraces, id: string): number {
  const pid = processes(engine).find((each) => commandOf(each).includes(`/tasks/${id.slice(0, 32)}/`));
  if (pid === undefined) throw new Error(`no shim of ${id}`);
  return pid;
}

/** The shims that have a container, each with the first 32 digits of its id. */
export function shims(engine: EngineTraces): Array<{ pid: number; id: string }> {
  return processes(engine).flatMap((pid) => {
    const id = /\/tasks\/([0-9a-f]{32})\//.exec(commandOf(pid))?.[1];
    return id === undefined ? [] : [{ pid, id }];
  });
}

/** The process that serves names and relays ports; undefined while there is none. */
export function netdOf(engine: EngineTraces): number | undefined {
  return processes(engine).find((pid) => commandOf(pid).includes("netd --socket"));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // it ended meanwhile
  }
}

/** Cgroups of containers: folders within the engine's parent cgroup, in every hierarchy. */
function cgroups(engine: EngineTraces): string[] {
  return cgroupsNamed(engine.cgroupParent).flatMap((parent) => {
    const below = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return below.map((entry) => join(parent, entry.name));
  });
}

/** A cgroup with those below it, wherever it is: of one that a container was put below, nobody else takes it away. */
export function removeCgroups(parent: string): void {
  for (const cgroup of cgroupsNamed(parent)) removeTree(cgroup);
}

function cgroupsNamed(parent: string): string[] {
  const roots = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields.includes("cgroup") || fields.includes("cgroup2"))
    .map((fields) => fields[4] ?? "");
  return roots.map((root) => join(root, parent)).filter(exists);
}

function exists(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function links(engine: EngineTraces): string[] {
  return readdirSync("/sys/class/net").filter((name) => name.startsWith(engine.name));
}

/** The ends of veths that are plugged into the engine's bridges. */
function ports(engine: EngineTraces): string[] {
  return readdirSync("/sys/class/net").filter((name) => {
    try {
      return basename(readlinkSync(`/sys/class/net/${name}/master`)).startsWith(engine.name);
    } catch {
      return false; // it has no master, or is gone meanwhile
    }
  });
}

/** The engine's own table with its elements, and its rules in tables of others (iptables' too): all bear its name. */
async function rules(engine: EngineTraces): Promise<string[]> {
  const text = await eventually("a listing of the packet filter", async () => {
    const listing = await run("nft", ["-j", "list", "ruleset"]);
    return listing.code === 0 && listing.stdout;
  });
  const { nftables } = JSON.parse(text) as { nftables: unknown[] }; // libnftables-json(5)
  const withoutVolatile = (key: string, value: unknown) => (key === "handle" || key === "counter" ? undefined : value);
  return nftables.map((item) => JSON.stringify(item, withoutVolatile)).filter((line) => line.includes(engine.name));
}

/** Takes away what a stopped engine keeps on purpose (bridge, rules, parent cgroup), and whatever a killed one left. */
export async function cleanHost(engine: EngineTraces): Promise<void> {
  for (const pid of processes(engine)) signal(pid);
  if (engine.cgroupParent.endsWith(".slice")) await run("systemctl", ["stop", engine.cgroupParent]);
  removeCgroups(engine.cgroupParent);
  for (const name of links(engine)) await run("ip", ["link", "delete", name]);
  await run("nft", ["delete", "table", "inet", `berth-${engine.name}`]);
  for (const family of ["ip", "ip6"]) await removeForeignRules(engine, family);
}

/** The rules in other firewalls' forward chain that let the engine's bridges pass. */
async function removeForeignRules(engine: EngineTraces, family: string): Promise<void> {
  const chain = [family, "filter", "FORWARD"];
  const listing = await run("nft", ["-a", "list", "chain", ...chain]);
  for (const line of listing.stdout.split("\n")) {
    const handle = /# handle (\d+)$/.exec(line)?.[1];
    if (handle !== undefined && line.includes(`berth-${engine.name}:`))
      await run("nft", ["delete", "rule", ...chain, "handle", handle]);
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

function removeTree(cgroup: string): void {
  try {
    for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(cgroup, entry.name));
    }
    rmdirSync(cgroup);
  } catch {
    // Busy with a process that is ending: nothing of the engine's own is in it.
  }
}
