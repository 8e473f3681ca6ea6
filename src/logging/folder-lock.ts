import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../base/index.ts";
import { LOCK_EX, type Native } from "../sys/index.ts";

/** Runs short work while the shim does not rename the log's files (flock on their folder). */
export async function withLogFolder<T>(path: string, calls: Pick<Native, "flock">, work: () => Promise<T>): Promise<T> {
  const folder = await open(dirname(path), "r");
  try {
    // The shim holds it for a few renames.
    for (;;) {
      try {
        calls.flock(folder.fd, LOCK_EX);
        break;
      } catch (error) {
        if (errnoOf(error) !== "EAGAIN") throw error;
        await sleep(1);
      }
    }
    return await work();
  } finally {
    await folder.close(); // and with it the lock
  }
}
