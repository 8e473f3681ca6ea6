import { setTimeout as delay } from "node:timers/promises";
import { errnoOf } from "../base/index.ts";
import { noDaemon } from "./errors.ts";
import { isDaemon, livingPid } from "./pid-file.ts";

const LOOK_AGAIN_MS = 50;

/**
 * Has the daemon of a pid file stop its containers and end, and waits for that.
 * @returns what to tell.
 * @throws not-found when no daemon runs.
 */
export async function stopDaemon(pidFile: string): Promise<string> {
  const pid = await livingPid(pidFile);
  if (pid === undefined) throw noDaemon(pidFile);
  askToStop(pid);
  // It is not our child: nothing tells its end but its absence.
  while (await isDaemon(pid)) await delay(LOOK_AGAIN_MS);
  return `stopped the daemon ${pid} and its containers\n`;
}

function askToStop(pid: number): void {
  try {
    process.kill(pid, "SIGUSR2");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error; // it ended by itself
  }
}
