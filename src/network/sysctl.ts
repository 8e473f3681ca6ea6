import { readdir, readFile, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { errnoOf } from "../base/index.ts";
import { noBridgeFilter } from "./errors.ts";

const IPV6_INTERFACES = "/proc/sys/net/ipv6/conf";

/** Sets a setting of the host, or of a bridge of ours, with which it goes. Absent ones are skipped. */
export async function setSysctl(path: string, value: string): Promise<void> {
  const before = await readSysctl(path);
  if (before === undefined || before === value) return;
  await writeFile(`/proc/sys/${path}`, value);
}

/**
 * Routers take no router advertisements (ip-sysctl: accept_ra 1 means "unless forwarding"): a host that has its default
 * route from one would lose it. Interfaces that accepted them go on doing so.
 */
export async function enableIpv6Forwarding(): Promise<void> {
  if ((await readSysctl("net/ipv6/conf/all/forwarding")) !== "0") return;
  for (const name of await readdir(IPV6_INTERFACES)) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if (name !== "all" && name !== "default" && (await readSysctl(path)) === "1") await setSysctl(path, "2");
  }
  await setSysctl("net/ipv6/conf/all/forwarding", "1");
}

const BRIDGED = ["net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"];

/**
 * Has the packet filter see also what stays within a bridge: otherwise rules between its ports are not asked.
 * @throws unavailable when the kernel cannot.
 */
export async function filterBridged(): Promise<void> {
  if ((await readSysctl(BRIDGED[0] ?? "")) === undefined) {
    // Not there, or not the program: what is missing is told below.
    await promisify(execFile)("modprobe", ["br_netfilter"]).catch(() => undefined);
    if ((await readSysctl(BRIDGED[0] ?? "")) === undefined) throw noBridgeFilter();
  }
  for (const path of BRIDGED) await setSysctl(path, "1");
}

/** Undefined when there is no such setting: no IPv6, or the interface is gone. */
async function readSysctl(path: string): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/sys/${path}`, "utf8")).trim();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
