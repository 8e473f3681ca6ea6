import type { RestartPolicy } from "../api/index.ts";

const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** A run of so long forgets the delays before it. */
const SOUND_RUN = 10_000;

/** Whether a container that exited is started again. `ended`: by the user's wish. */
export function shouldRestart(
  policy: RestartPolicy,
  exit: { code: number; restartCount: number; ended: boolean },
): boolean {
  if (exit.ended) return false;
  switch (policy.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure": {
      const most = policy.MaximumRetryCount ?? 0;
      return exit.code !== 0 && (most === 0 || exit.restartCount < most);
    }
    case "no":
    case "":
    case undefined:
    default:
      return false;
  }
}

/** Whether a container that does not run is started when the daemon starts. */
export function shouldStartAtBoot(
  policy: RestartPolicy,
  state: { exitCode: number; restartCount: number; stoppedByUser: boolean },
): boolean {
  if (policy.Name === "always") return true;
  return shouldRestart(policy, {
    code: state.exitCode,
    restartCount: state.restartCount,
    ended: state.stoppedByUser,
  });
}

/** Milliseconds before the next start: 100, doubled each time up to a minute. @param last 0 for the first time. */
export function nextDelay(last: number, ranFor: number): number {
  if (last === 0 || ranFor >= SOUND_RUN) return FIRST_DELAY;
  return Math.min(last * 2, LONGEST_DELAY);
}
