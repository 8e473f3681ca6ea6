import { ZERO_TIME, formatNanos } from "../base/index.ts";

/**
 * What a container does now.
 *
 *     idle ──start──▶ running ──exit──▶ idle
 *      ▲                 │ exit, policy says again
 *      └────stop──── restarting ──back-off over──▶ running
 *     idle ──remove──▶ removing ──▶ gone (dead: removal failed part way)
 */
export type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly pid: number; readonly paused: boolean }
  | { readonly kind: "restarting" }
  | { readonly kind: "removing" }
  | { readonly kind: "dead" };

/** Run state: recorded without syncing, since boot reads the truth back from the shims. */
export interface RunState {
  readonly phase: Phase;
  /** Nanoseconds as text; empty: never. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly exitCode: number;
  readonly error: string;
  readonly oomKilled: boolean;
  readonly restartCount: number;
  /** The user stopped it: `unless-stopped` keeps it so over a daemon restart. */
  readonly stoppedByUser: boolean;
  /** It was unhealthy and is being ended: the exit counts as a failure, whatever its code. */
  readonly givenUp: boolean;
}

export const NEW_STATE: RunState = {
  phase: { kind: "idle" },
  startedAt: "",
  finishedAt: "",
  exitCode: 0,
  error: "",
  oomKilled: false,
  restartCount: 0,
  stoppedByUser: false,
  givenUp: false,
};

export type StatusWord = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** The one word that `ps` filters by. */
export function statusWord(state: RunState): StatusWord {
  const { phase } = state;
  switch (phase.kind) {
    case "running":
      return phase.paused ? "paused" : "running";
    case "restarting":
    case "removing":
    case "dead":
      return phase.kind;
    case "idle":
    default:
      return state.startedAt === "" ? "created" : "exited";
  }
}

/** Docker counts a container that waits for its restart as running. */
export function isUp(state: RunState): boolean {
  return state.phase.kind === "running" || state.phase.kind === "restarting";
}

export function instant(nanos: string): string {
  return nanos === "" ? ZERO_TIME : formatNanos(BigInt(nanos));
}
