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

/** The pid of the daemon that the file names; undefined when there is none. */
export async function livingPid(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return undefined;
  return (await isDaemon(pid)) ? pid : undefined;
}

/** A pid is soon given to another program: only a berth is a daemon. A dead or dying one has no command line. */
export async function isDaemon(pid: number): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const [program = "", first] = line.split("\0");
  return basename(program) === "berth" && first === "daemon";
}
