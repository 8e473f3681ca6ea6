import type { Health } from "../health/types.ts";
import { statusWord, type RunState } from "../state.ts";

/** The STATUS column: `Up 5 minutes (healthy)`, `Exited (0) 2 seconds ago`, `Created`. */
export function statusText(state: RunState, health: Health | undefined, now: bigint): string {
  const word = statusWord(state);
  const since = (nanos: string) => humanDuration(nanos === "" ? 0n : now - BigInt(nanos));
  switch (word) {
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "running":
      return `Up ${since(state.startedAt)}${healthText(health)}`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
    default:
      return state.finishedAt === "" ? "" : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthText(health: Health | undefined): string {
  if (health === undefined) return "";
  return health.status === "starting" ? " (health: starting)" : ` (${health.status})`;
}

/** A span as people say it, in Docker's words. */
export function humanDuration(nanos: bigint): string {
  const seconds = Number(nanos / 1_000_000_000n);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}
