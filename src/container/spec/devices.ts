import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BigIntStats } from "node:fs";
import type { DeviceMapping, HostConfig } from "../../api/index.ts";
import { errnoOf, invalid, messageOf, unknown } from "../../base/index.ts";
import { quote } from "../../template/index.ts";
import type { DeviceRule, DeviceSpec } from "../../spec/index.ts";
import type { DeviceNumbers } from "./resources.ts";

/** Device nodes beyond the standard ones, and who may use what. */
export interface HostDevices {
  nodes: DeviceSpec[];
  rules: DeviceRule[];
}

/** Nothing is allowed but making nodes, the standard devices, terminals, and tunnels (of use with NET_ADMIN only). */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[3, 5, 7, 8, 9].map((minor): DeviceRule => ({ allow: true, type: "c", major: 1, minor, access: "rwm" })),
  ...[0, 1, 2].map((minor): DeviceRule => ({ allow: true, type: "c", major: 5, minor, access: "rwm" })),
  { allow: true, type: "c", major: 136, access: "rwm" },
  { allow: true, type: "c", major: 10, minor: 200, access: "rwm" },
];

/** @throws unknown with Docker's text for a device that is not there; invalid for a bad rule or a device request. */
export async function resolveDevices(host: HostConfig): Promise<HostDevices> {
  refuseRequests(host);
  if (host.Privileged === true) {
    // What is there by its own name already needs no other node.
    const renamed = (host.Devices ?? []).filter(
      (each) => (each.PathInContainer || each.PathOnHost) !== each.PathOnHost,
    );
    const nodes = await Promise.all([allDevices("/dev", "/dev"), ...renamed.map(mapped)]);
    return { nodes: nodes.flat(), rules: [{ allow: true, access: "rwm" }] };
  }
  const nodes: DeviceSpec[] = [];
  const rules = [...DEFAULT_RULES];
  for (const mapping of host.Devices ?? []) {
    const found = await mapped(mapping);
    nodes.push(...found);
    const access = mapping.CgroupPermissions || "rwm";
    for (const { type, major, minor } of found) {
      if (type !== "p") rules.push({ allow: true, type, major, minor, access });
    }
  }
  rules.push(...(host.DeviceCgroupRules ?? []).map(parseRule));
  return { nodes, rules };
}

function refuseRequests(host: HostConfig): void {
  const [request] = host.DeviceRequests ?? [];
  if (request === undefined) return;
  const capabilities = (request.Capabilities ?? []).map((set) => `[${set.join(" ")}]`).join(" ");
  throw unknown(`could not select device driver ${quote(request.Driver ?? "")} with capabilities: [${capabilities}]`);
}

function parseRule(text: string): DeviceRule {
  const [, type, major, minor, access] = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (access === undefined) throw invalid(`invalid device cgroup rule format: '${text}'`);
  return {
    allow: true,
    type: type as "a" | "b" | "c", // matched above
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

function whyNot(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === "ENOENT") return "no such file or directory";
  // A path with a NUL byte, which never gets to the kernel.
  return errno === "EINVAL" || errno === "ERR_INVALID_ARG_VALUE" ? "invalid argument" : messageOf(error);
}

async function mapped(mapping: DeviceMapping): Promise<DeviceSpec[]> {
  const path = mapping.PathOnHost ?? "";
  const target = mapping.PathInContainer || path;
  const custom = (why: string, cause?: unknown) =>
    unknown(`error gathering device information while adding custom device ${quote(path)}: ${why}`, { cause });
  try {
    const source = await realpath(path);
    const found = await stat(source, { bigint: true });
    const node = asDevice(found, target);
    const nodes = found.isDirectory() ? await allDevices(source, target) : node === undefined ? [] : [node];
    if (nodes.length === 0) throw custom("not a device node");
    return nodes;
  } catch (error) {
    if (errnoOf(error) !== undefined) throw custom(whyNot(error), error);
    throw error;
  }
}

const SKIPPED = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]);

async function allDevices(folder: string, target: string): Promise<DeviceSpec[]> {
  const nodes: DeviceSpec[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (SKIPPED.has(name)) continue;
    const path = join(folder, name);
    const found = await lstat(path, { bigint: true }).catch(() => undefined); // gone meanwhile
    if (found === undefined) continue;
    if (found.isDirectory()) nodes.push(...(await allDevices(path, `${target}/${name}`)));
    const node = asDevice(found, `${target}/${name}`);
    if (node !== undefined) nodes.push(node);
  }
  return nodes;
}

function asDevice(found: BigIntStats, path: string): DeviceSpec | undefined {
  if (!found.isCharacterDevice() && !found.isBlockDevice()) return undefined;
  return {
    type: found.isBlockDevice() ? "b" : "c",
    path,
    ...numbersOf(found.rdev),
    fileMode: Number(found.mode & 0o777n),
    uid: Number(found.uid),
    gid: Number(found.gid),
  };
}

/** glibc's layout of dev_t (makedev(3)). */
function numbersOf(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

/** Numbers of the block devices that throttles name. @throws unknown when one is not there. */
export async function resolveDeviceNumbers(host: HostConfig): Promise<DeviceNumbers> {
  const paths = [
    host.BlkioWeightDevice,
    host.BlkioDeviceReadBps,
    host.BlkioDeviceWriteBps,
    host.BlkioDeviceReadIOps,
    host.BlkioDeviceWriteIOps,
  ].flatMap((devices) => (devices ?? []).map(({ Path }) => Path ?? ""));
  const numbers = new Map<string, { major: number; minor: number }>();
  for (const path of paths) {
    try {
      numbers.set(path, numbersOf((await stat(path, { bigint: true })).rdev));
    } catch (error) {
      throw unknown(`stat ${path}: ${whyNot(error)}`, { cause: error });
    }
  }
  return numbers;
}
