import { readFile, writeFile } from "node:fs/promises";
import { errnoOf, invalid } from "../../base/index.ts";
import { errnoText } from "../errno-text.ts";
import type { ResourceWrite } from "./types.ts";

/**
 * Writes limits to a living cgroup, all or none: when one is refused, those before it are put back.
 * @returns puts all of them back.
 * @throws invalid with runc's text and the kernel's reason.
 */
export async function applyWrites(writes: readonly ResourceWrite[]): Promise<() => Promise<void>> {
  const done: ResourceWrite[] = [];
  for (const write of writes) {
    const before = await currentValue(write);
    try {
      await writeFile(write.path, write.value);
    } catch (error) {
      const errno = errnoOf(error) ?? "";
      if (write.ignore?.includes(errno) === true) continue;
      await putBack(done);
      const reason = errno === "" ? String(error) : errnoText(errno);
      throw invalid(`failed to write "${write.value}": write ${write.path}: ${reason}`, { cause: error });
    }
    if (before !== undefined) done.unshift({ path: write.path, value: before });
  }
  return () => putBack(done);
}

async function putBack(writes: readonly ResourceWrite[]): Promise<void> {
  for (const { path, value } of writes) {
    // The refusal of the request is what the caller must hear of; a limit that cannot be put back stays readable.
    await writeFile(path, value).catch(() => undefined);
  }
}

/** What the file would have to be given to stand as before; undefined for files that say more than one thing. */
async function currentValue({ path, value }: ResourceWrite): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.trimEnd().split("\n");
  const device = /^(\d+:\d+) /.exec(value)?.[1];
  if (device !== undefined) return lines.find((line) => line.startsWith(`${device} `)) ?? `${device} 0`;
  if (path.endsWith("/memory.oom_control")) return lines[0]?.split(" ")[1];
  return lines.length === 1 ? lines[0] : undefined;
}
