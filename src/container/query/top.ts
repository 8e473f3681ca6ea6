import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ContainerTopResponse } from "../../api/index.ts";
import { invalid, messageOf, unknown } from "../../base/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { isRestarting, notRunning } from "../errors.ts";
import { fullFormat } from "./processes.ts";

const run = promisify(execFile);

/**
 * `docker top`: the host's view of a container's processes. The usual `-ef` is read from /proc; other options are the
 * business of the host's ps.
 * @throws conflict when it does not run; invalid for options that would hide the pids.
 */
export async function top(entry: ContainerEntry, psArgs: string | undefined): Promise<ContainerTopResponse> {
  const args = (psArgs ?? "").trim() || "-ef";
  if (args.includes("\0")) throw invalid("ps: invalid argument");
  const renamed = /\s+(\S*)=\s*(PID\S*)/.exec(` ${args}`);
  if (renamed !== null) throw invalid(`specifying "${renamed[1]}=${renamed[2]}" is not allowed`);
  if (entry.state.phase.kind === "restarting") throw isRestarting(entry.id);
  if (entry.state.phase.kind !== "running" || entry.run === undefined) throw notRunning(entry.id);
  const pids = await entry.run.task.pids();
  if (args === "-ef") return await fullFormat(pids);
  return chosen(await ps(args), new Set(pids));
}

async function ps(args: string): Promise<string> {
  try {
    const { stdout } = await run("ps", args.split(/\s+/), { maxBuffer: 16 * 1024 * 1024, timeout: 20_000 });
    return stdout;
  } catch (error) {
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    const said = stderr === "" ? `error running ps: ${messageOf(error)}` : `ps: ${stderr.split("\n")[0]}`;
    throw unknown(said, { cause: error });
  }
}

/** The rows of ps's output that are the container's. @throws unknown when it has no pid column. */
export function chosen(output: string, pids: ReadonlySet<number>): ContainerTopResponse {
  const [header = "", ...rows] = output.split("\n").filter((line) => line.trim() !== "");
  const Titles = header.trim().split(/\s+/);
  const column = Titles.indexOf("PID");
  if (column < 0) throw unknown("Couldn't find PID field in ps output");
  const Processes = rows.map((row) => fields(row, Titles.length)).filter((row) => pids.has(Number(row[column])));
  return { Titles, Processes };
}

/** The last field takes what is left of the line. */
function fields(row: string, count: number): string[] {
  const words = row.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(" ")];
}
