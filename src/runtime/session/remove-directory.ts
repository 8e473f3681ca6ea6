import { lstat, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, unavailable } from "../../base/index.ts";

const LIMIT_MS = 10_000;

/**
 * Removes a directory out of which another process may be removing files meanwhile, as a shim does at its end. A single
 * `rm` is not enough: when an entry vanishes under it, it may fail, or stop early without saying so (Bun 1.4).
 * @throws unavailable when it is still there after ten seconds.
 */
export async function removeDirectory(path: string): Promise<void> {
  const until = Date.now() + LIMIT_MS;
  for (let wait = 1; ; wait = Math.min(wait * 2, 100)) {
    const failure = await attempt(path);
    if (!(await exists(path))) return;
    if (Date.now() > until) throw unavailable(`${path} cannot be removed`, { cause: failure });
    await sleep(wait);
  }
}

async function attempt(path: string): Promise<unknown> {
  try {
    await rm(path, { recursive: true, force: true });
    return undefined;
  } catch (error) {
    return error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
