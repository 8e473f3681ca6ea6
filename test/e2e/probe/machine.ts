import { readFileSync } from "node:fs";
import { release } from "node:os";

/** What of a machine shows within any container: its kernel, and which cgroup hierarchies are mounted. */
export interface Machine {
  kernel: string;
  cgroups: string[];
}

export function machine(): Machine {
  const hierarchies = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" - ")[1]?.split(" ") ?? [])
    .filter(([type]) => type === "cgroup" || type === "cgroup2")
    .map(([type = "", , options = ""]) => `${type} ${options}`);
  return { kernel: release(), cgroups: [...new Set(hierarchies)].sort() };
}
