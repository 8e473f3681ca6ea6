import { appendFileSync, readFileSync } from "node:fs";

/**
 * Crash points: named places between two side effects of a plan, where a test can stop the daemon dead or make a step fail.
 *
 * `BERTH_CRASH=name=effect` (or `@FILE` holding that text, read at each point, so that a running daemon can be armed)
 * with effect `kill` (SIGKILL to self), `ENOSPC` or `EIO` (the error is thrown). `BERTH_CRASH_TRACE=FILE` appends each
 * point's name as it is passed. Without these variables a point costs one comparison.
 */
const spec = process.env["BERTH_CRASH"];
const trace = process.env["BERTH_CRASH_TRACE"];
const armed = spec !== undefined || trace !== undefined;

/** Whether a test watches: then what is otherwise made in one go has its points in between. */
export function crashPointsAreArmed(): boolean {
  return armed;
}

/** Marks a step boundary. Names are `plan:step`, unique in the code base. */
export function crashPoint(name: string): void {
  if (armed) reach(name);
}

function reach(name: string): void {
  if (trace !== undefined) appendLine(trace, name);
  const effect = armedEffect(name);
  if (effect === undefined) return;
  if (effect === "kill") process.kill(process.pid, "SIGKILL");
  throw Object.assign(new Error(`${effect}: injected at ${name}`), { code: effect });
}

function armedEffect(name: string): string | undefined {
  const text = spec?.startsWith("@") ? readOr(spec.slice(1)) : spec;
  const [point, effect] = (text ?? "").trim().split("=");
  return point === name ? effect : undefined;
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function appendLine(file: string, line: string): void {
  // Only in tests: a synchronous write, so that the line is there when the process is killed.
  appendFileSync(file, `${line}\n`);
}
