import { existsSync } from "node:fs";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../base/index.ts";
import type { BaseEntry } from "./types.ts";

/**
 * Makes the directory that lies beneath the layers of every active snapshot. It appears whole or not at all, and one that
 * is there already is left alone.
 */
export async function makeBaseTree(directory: string, entries: readonly BaseEntry[]): Promise<void> {
  if (existsSync(directory)) return;
  const draft = `${directory}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o755 });
  for (const entry of entries) {
    const path = join(draft, entry.path);
    await mkdir(entry.kind === "directory" ? path : dirname(path), { recursive: true, mode: 0o755 });
    if (entry.kind === "file") await writeFile(path, "", { mode: 0o755 });
    if (entry.kind === "link") await symlink(entry.target, path);
  }
  try {
    await rename(draft, directory);
  } catch (error) {
    if (errnoOf(error) !== "ENOTEMPTY" && errnoOf(error) !== "EEXIST") throw error;
    await rm(draft, { recursive: true, force: true });
  }
}
