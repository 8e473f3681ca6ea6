import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Settings of the whole host that an engine might change; those of its bridges go with them. */
const FOLDERS = ["ipv4", "ipv4/conf/all", "ipv4/conf/default", "ipv6", "ipv6/conf/all", "ipv6/conf/default", "bridge"];
/** Forwarding, with what the kernel changes when it is turned on: any engine of this host may do that, and leaves it. */
const FORWARDING = ["ip_forward", "forwarding", "accept_redirects"];
/** The kernel fills these in itself when they are first needed. */
const OWN = ["tcp_fastopen_key"];
const LEFT_OUT = new Set([...FORWARDING, ...OWN]);

/** The host's settings of the network, a line each. */
export function hostSysctls(): string[] {
  return FOLDERS.flatMap((folder) =>
    entries(join("/proc/sys/net", folder))
      .filter((path) => !LEFT_OUT.has(path.slice(path.lastIndexOf("/") + 1)))
      .flatMap((path) => setting(path)),
  );
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(folder, entry.name));
  } catch {
    return []; // the kernel has none of them
  }
}

function setting(path: string): string[] {
  try {
    return [`${path} = ${readFileSync(path, "utf8").trim()}`];
  } catch {
    return []; // it can only be written, or the kernel has no such thing
  }
}
