import { readFileSync } from "node:fs";

/** Bytes of a process's memory that no file stands behind (proc_pid_smaps(5)): what it has taken for itself. */
export function anonymousBytes(pid: number): number {
  const line = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}
