import { readFile, rm } from "node:fs/promises";
import { basename } from "node:path";
import { writeFileAtomic } from "../base/index.ts";
import { pidFileInUse } from "./errors.ts";

/** Writes this process's pid; removed on dispose. @throws conflict when the daemon named in the file still runs. */
export async function writePidFile(path: string): Promise<AsyncDisposable> {
  const other = await livingPid(path);
  if (other !== undefined) throw pidFileInUse(path, other);
  await writeFileAtomic(path, `${process.pid}\n`, { mode: 0o644, durable: false });
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function livingPid(path: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(path, "utf8")).trim());
    if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return undefined;
    // A pid is soon given to another program: only a berth is a reason to stop. A dead or dying one has no command line.
    const [program = "", first] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    return basename(program) === "berth" && first === "daemon" ? pid : undefined;
  } catch {
    return undefined; // no file, or no such process
  }
}
