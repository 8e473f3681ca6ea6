import { isDeepStrictEqual } from "node:util";
import { compact } from "./recording.ts";

/** How two outcomes differ, a line for each part: `KEY: PART: OURS instead of THEIRS`. */
export function differences(key: string, got: unknown, wanted: unknown): string[] {
  if (wanted === undefined) return [`${key}: not recorded`];
  const ours = parts(compact(got));
  const theirs = parts(wanted);
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((path) => !isDeepStrictEqual(ours.get(path), theirs.get(path)))
    .map((path) => `${key}: ${path}: ${ours.get(path) ?? "-"} instead of ${theirs.get(path) ?? "-"}`);
}

/** The parts of an outcome that are compared each by itself, as JSON. */
function parts(outcome: unknown): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(outcome ?? {})) {
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    const leaves = nested ? Object.entries(value as object) : [["", value] as const];
    for (const [path, leaf] of leaves) found.set(path === "" ? name : `${name} ${path}`, JSON.stringify(leaf));
  }
  return found;
}
