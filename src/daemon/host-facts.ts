import { readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";
import type { EngineMetrics } from "../metrics/index.ts";

/** What /info and /version tell of the machine. */
export interface HostFacts {
  name: string;
  kernel: string;
  operatingSystem: string;
  osVersion: string;
  /** As uname prints it (`x86_64`). */
  machine: string;
  /** As Go names it (`amd64`). */
  goArch: string;
  cpus: number;
  /** Bytes. */
  memory: number;
}

/** @param timers how long it takes to find out what the system is called. */
export function readHostFacts(timers?: EngineMetrics["hostInfo"]): HostFacts {
  const timed = (name: "operating_system" | "os_version", work: () => string) =>
    timers === undefined ? work() : timers.timeSync(name, work);
  return {
    name: hostname(),
    kernel: release(),
    operatingSystem: timed("operating_system", () => osRelease().get("PRETTY_NAME") ?? "Linux"),
    osVersion: timed("os_version", () => osRelease().get("VERSION_ID") ?? ""),
    machine: arch() === "arm64" ? "aarch64" : "x86_64",
    goArch: arch() === "arm64" ? "arm64" : "amd64",
    cpus: cpus().length,
    memory: totalmem(),
  };
}

/** A file of the kernel; empty where it is not there. */
export function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** os-release(5); empty where there is none. */
function osRelease(): Map<string, string> {
  let text = "";
  try {
    text = readFileSync("/etc/os-release", "utf8");
  } catch {
    // A host without the file has no name to tell.
  }
  const pairs = text.matchAll(/^([A-Z_]+)=(?:"(.*)"|(.*))$/gm);
  return new Map([...pairs].map((match) => [match[1] ?? "", match[2] ?? match[3] ?? ""]));
}
