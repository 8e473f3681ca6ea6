import { readdir, readFile, writeFile } from "node:fs/promises";
import { errnoOf } from "../base/index.ts";
import type { NetworkRecords } from "./records.ts";

const IPV6_INTERFACES = "/proc/sys/net/ipv6/conf";

/** Sets `net/ipv4/ip_forward`-like settings of the host and remembers what was there. Absent ones are skipped. */
export async function setSysctl(records: NetworkRecords, path: string, value: string): Promise<void> {
  await change(path, value, (before) => records.saveSysctl(path, before));
}

/** Sets one of a bridge of ours, with which it goes. Absent ones are skipped. */
export async function setBridgeSysctl(path: string, value: string): Promise<void> {
  await change(path, value, () => undefined);
}

async function change(path: string, value: string, note: (before: string) => void): Promise<void> {
  const before = await readSysctl(path);
  if (before === undefined || before === value) return;
  note(before);
  await writeFile(`/proc/sys/${path}`, value);
}

/**
 * Routers take no router advertisements (ip-sysctl: accept_ra 1 means "unless forwarding"): a host that has its default
 * route from one would lose it. Interfaces that accepted them go on doing so.
 */
export async function enableIpv6Forwarding(records: NetworkRecords): Promise<void> {
  if ((await readSysctl("net/ipv6/conf/all/forwarding")) !== "0") return;
  for (const name of await readdir(IPV6_INTERFACES)) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if (name !== "all" && name !== "default" && (await readSysctl(path)) === "1") await setSysctl(records, path, "2");
  }
  await setSysctl(records, "net/ipv6/conf/all/forwarding", "1");
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
