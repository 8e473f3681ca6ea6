import type { HealthConfig } from "../../api/index.ts";

const NANOS_PER_MILLISECOND = 1_000_000;

/** A health check with Docker's defaults filled in; durations in milliseconds. */
export interface HealthPlan {
  /** Arguments, or one command line for the shell. */
  command: { kind: "args"; args: string[] } | { kind: "shell"; line: string };
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  retries: number;
}

/** The plan of a config; undefined when it has none (`NONE`, or no test). */
export function healthPlan(config: HealthConfig | undefined): HealthPlan | undefined {
  const [kind, ...rest] = config?.Test ?? [];
  if (config === undefined || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const milliseconds = (nanos: number | undefined, otherwise: number) =>
    nanos ? nanos / NANOS_PER_MILLISECOND : otherwise;
  return {
    command: kind === "CMD" ? { kind: "args", args: rest } : { kind: "shell", line: rest[0] ?? "" },
    interval: milliseconds(config.Interval, 30_000),
    timeout: milliseconds(config.Timeout, 30_000),
    startPeriod: milliseconds(config.StartPeriod, 0),
    startInterval: milliseconds(config.StartInterval, 5000),
    retries: config.Retries || 3,
  };
}

export interface HealthVerdict {
  status: "starting" | "healthy" | "unhealthy";
  failingStreak: number;
}

/** What a probe's result makes of the state before it. Failures within the start period do not count. */
export function judge(
  before: HealthVerdict,
  probe: { exitCode: number; withinStart: boolean },
  retries: number,
): HealthVerdict {
  if (probe.exitCode === 0) return { status: "healthy", failingStreak: 0 };
  if (before.status === "starting" && probe.withinStart) return before;
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= retries ? "unhealthy" : before.status, failingStreak };
}
