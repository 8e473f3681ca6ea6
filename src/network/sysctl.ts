import { readFile, writeFile } from "node:fs/promises";
import { errnoOf } from "../base/index.ts";
import type { NetworkRecords } from "./records.ts";

/** Sets `net/ipv4/ip_forward`-like settings of the host and remembers what was there. Absent ones are skipped. */
export async function setSysctl(records: NetworkRecords, path: string, value: string): Promise<void> {
  const file = `/proc/sys/${path}`;
  try {
    const before = (await readFile(file, "utf8")).trim();
    if (before === value) return;
    records.saveSysctl(path, before);
    await writeFile(file, value);
  } catch (error) {
    // No IPv6, no such interface: nothing to set.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
