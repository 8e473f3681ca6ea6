import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { inventory, type EngineTraces } from "./host.ts";
import { eventually } from "./wait.ts";

/** The fixtures of what the real engine answers were recorded on cgroup v1, which shows in limits and statistics. */
export function recordedWithSuchCgroups(): boolean {
  const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
  if (unified) console.log("skipped: recorded on cgroup v1, this machine has v2");
  return !unified;
}

/**
 * The inventory once it is as it was before, or as it is after a generous while: some removals end in the background.
 * @param keep which lines count.
 */
export async function settledInventory(
  engine: EngineTraces,
  before: readonly string[],
  keep: (line: string) => boolean = () => true,
): Promise<string[]> {
  let now: string[] = [];
  await eventually("the inventory of before", async () => {
    now = (await inventory(engine)).filter(keep);
    return isDeepStrictEqual(now, before);
  }).catch(() => undefined);
  return now;
}
