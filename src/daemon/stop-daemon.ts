import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errnoOf } from "../base/index.ts";
import { isDaemon } from "./pid-file.ts";

const LOOK_AGAIN_MS = 50;

/**
 * Has a daemon stop its containers and end, and waits for that.
 * @returns what to tell.
 */
export async function stopDaemon(pid: number): Promise<string> {
  askToStop(pid);
  // It is not our child: nothing tells its end but its absence.
  while (await isDaemon(pid)) await delay(LOOK_AGAIN_MS);
  return `stopped the daemon ${pid} and its containers\n`;
}

/** Whether containers run, or have ended unrecorded, that were started since the host was. */
export async function hasTasks(execRoot: string): Promise<boolean> {
  try {
    return (await readdir(join(execRoot, "tasks"))).length > 0;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function askToStop(pid: number): void {
  try {
    process.kill(pid, "SIGUSR2");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error; // it ended by itself
  }
}
