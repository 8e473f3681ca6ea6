import { readFile } from "node:fs/promises";
import type { ContainerTopResponse } from "../../api/index.ts";

/** Clock ticks a second, in /proc on Linux always. */
const TICKS = 100;
const TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/** What `ps -ef` says of these processes, in the order of their pids. Ones that ended meanwhile are left out. */
export async function fullFormat(pids: readonly number[]): Promise<ContainerTopResponse> {
  const [users, boot] = await Promise.all([hostUsers(), bootTime()]);
  const sorted = [...pids].sort((a, b) => a - b);
  const rows = await Promise.all(sorted.map((pid) => row(pid, users, boot).catch(() => undefined)));
  return { Titles: TITLES, Processes: rows.filter((found) => found !== undefined) };
}

async function row(pid: number, users: ReadonlyMap<string, string>, boot: number): Promise<string[]> {
  const [stat, status, commandLine] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
    readFile(`/proc/${pid}/cmdline`, "utf8"),
  ]);
  // The name stands in brackets and may hold anything; what follows has a fixed form (proc_pid_stat(5)).
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  const name = stat.slice(stat.indexOf("(") + 1, end);
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? "0";
  const ticks = Number(fields[11]) + Number(fields[12]);
  const started = boot + Number(fields[19]) / TICKS;
  const lived = Math.max(1, Date.now() / 1000 - started);
  return [
    users.get(uid) ?? uid,
    String(pid),
    fields[1] ?? "0",
    String(Math.min(99, Math.floor((ticks / TICKS / lived) * 100))),
    startText(started),
    terminal(Number(fields[4])),
    timeText(Math.floor(ticks / TICKS)),
    commandLine === "" ? `[${name}]` : commandLine.replace(/\0$/, "").replaceAll("\0", " "),
  ];
}

async function bootTime(): Promise<number> {
  return Number(/^btime (\d+)/m.exec(await readFile("/proc/stat", "utf8"))?.[1] ?? 0);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The hour for today, the day for earlier this year, else the year. */
function startText(seconds: number): string {
  const at = new Date(seconds * 1000);
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  if (at.toDateString() === now.toDateString()) return `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.getFullYear() === now.getFullYear()) return `${MONTHS[at.getMonth()]}${two(at.getDate())}`;
  return String(at.getFullYear());
}

function timeText(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** tty_nr as a name: majors 136–143 are pseudo terminals, 4 the consoles and serial lines. */
function terminal(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return "?";
}

/** Names of the host's users by uid. */
async function hostUsers(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  return new Map(
    text.split("\n").map((line): [string, string] => {
      const [name = "", , uid = ""] = line.split(":");
      return [uid, name];
    }),
  );
}
