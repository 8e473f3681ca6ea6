import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../base/index.ts";

/** Paths of the native parts as the entry point knows them: within the executable, or in a source tree. */
export interface NativeParts {
  addon: string;
  shim: string;
  /** Mounted into containers that ask for an init. */
  init: string;
}

/**
 * Copies the native parts out of the executable into a folder that only root can reach, named by content: a shim that
 * runs keeps its own file while a newer daemon brings another.
 */
export async function unpackNative(parts: NativeParts, folder: string): Promise<NativeParts> {
  const [addon, shim, init] = await Promise.all([
    unpack(parts.addon, folder, "berth", ".node", 0o600),
    unpack(parts.shim, folder, "berth-shim", "", 0o700),
    // Any user of a container runs it.
    unpack(parts.init, folder, "berth-init", "", 0o755),
  ]);
  return { addon, shim, init };
}

async function unpack(source: string, folder: string, name: string, ending: string, mode: number): Promise<string> {
  const data = await readFile(source);
  const target = join(folder, `${name}-${createHash("sha256").update(data).digest("hex").slice(0, 16)}${ending}`);
  if (!existsSync(target)) await writeFileAtomic(target, data, { mode, durable: false });
  return target;
}
