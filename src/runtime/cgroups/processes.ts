import { readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, unavailable, unknown } from "../../base/index.ts";
import { subtree } from "./files.ts";
import type { CgroupDriver } from "./types.ts";

const REMOVAL_LIMIT_MS = 10_000;
const FREEZE_LIMIT_MS = 10_000;

/** Host pids of all processes in the cgroup and beneath it; empty when it is gone. */
export async function listProcesses(driver: CgroupDriver, path: string): Promise<number[]> {
  const directories = await subtree(driver.processesIn(path));
  const lists = await Promise.all(directories.map((directory) => readPids(`${directory}/cgroup.procs`)));
  return lists.flat().sort((left, right) => left - right);
}

async function readPids(file: string): Promise<number[]> {
  try {
    const text = await readFile(file, "utf8");
    return text.split("\n").filter(Boolean).map(Number);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Sends a signal to every process of the cgroup. */
export async function signalProcesses(driver: CgroupDriver, path: string, signal: number): Promise<void> {
  for (const pid of await listProcesses(driver, path)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errnoOf(error) !== "ESRCH") throw error;
    }
  }
}

/**
 * Freezes every process of the cgroup, or none: one in an uninterruptible wait (for a dead file server, say) can keep the
 * others waiting for ever, so it is given up after `limit` and all are thawed.
 * @throws unknown (500, as Docker) when it is given up.
 */
export async function freezeAll(
  driver: Pick<CgroupDriver, "freeze">,
  path: string,
  limit: AbortSignal = AbortSignal.timeout(FREEZE_LIMIT_MS),
): Promise<void> {
  try {
    await driver.freeze(path, true, limit);
  } catch (error) {
    await unlessGone(driver.freeze(path, false));
    if (limit.aborted) throw unknown("OCI runtime pause failed: unable to freeze", { cause: error });
    throw error;
  }
}

/**
 * Kills every process of the cgroup, also those that are being forked or are frozen: by `cgroup.kill`, and where
 * processes are left (v1 alone, or moved out of the unified hierarchy) by freeze, kill, thaw.
 */
export async function killCgroup(driver: CgroupDriver, path: string): Promise<void> {
  const file = driver.killFile(path);
  if (file !== undefined) {
    await unlessGone(writeFile(file, "1"));
    if (driver.facts.version === 2) return;
  }
  // Mostly all have gone by themselves.
  if ((await listProcesses(driver, path)).length === 0) return;
  // A fork bomb outruns a list of pids; frozen it cannot.
  await unlessGone(driver.freeze(path, true, AbortSignal.timeout(1000)));
  await signalProcesses(driver, path, 9);
  // A paused container's processes die when they are thawed.
  await unlessGone(driver.freeze(path, false));
}

/** Waits until the killed are gone; gives up silently after a while, since removal will say what is still there. */
export async function waitUntilEmpty(driver: CgroupDriver, path: string): Promise<void> {
  const until = Date.now() + REMOVAL_LIMIT_MS;
  for (let wait = 1; (await listProcesses(driver, path)).length > 0; wait = Math.min(wait * 2, 50)) {
    if (Date.now() > until) return;
    await sleep(wait);
  }
}

/**
 * Removes the cgroup and what is beneath it, in every hierarchy. Its processes must have been killed; their last
 * breath is waited for.
 * @throws unavailable when a directory is still busy after ten seconds.
 */
export async function removeCgroup(driver: CgroupDriver, path: string): Promise<void> {
  const until = Date.now() + REMOVAL_LIMIT_MS;
  await Promise.all(driver.directories(path).map((directory) => removeTree(directory, until)));
}

async function removeTree(directory: string, until: number): Promise<void> {
  for (let wait = 1; ; wait = Math.min(wait * 2, 100)) {
    const busy = await removeOnce(directory);
    if (busy === undefined) return;
    if (Date.now() > until) throw unavailable(`cgroup ${busy} cannot be removed: it is still in use`);
    await sleep(wait);
  }
}

/** Gives the first directory that is busy. */
async function removeOnce(directory: string): Promise<string | undefined> {
  try {
    await rmdir(directory); // mostly there is nothing beneath
    return undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    if (errnoOf(error) !== "EBUSY") throw error;
  }
  for (const child of await subtree(directory)) {
    try {
      await rmdir(child);
    } catch (error) {
      if (errnoOf(error) === "EBUSY") return child;
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return undefined;
}

function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENODEV";
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const aborted = error instanceof Error && error.name === "AbortError";
    if (!isGone(error) && !aborted) throw error;
  }
}
