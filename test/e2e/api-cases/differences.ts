/**
 * Where berth answers something else than the real engine, by `CASE#STEP`, each with a reason: `berth` is what the
 * comparison says then (another status or text), `shape` the members that may differ.
 */
export const API_DIFFERENCES: Readonly<
  Record<string, { reason: string; berth?: string; shape?: readonly (string | RegExp)[] }>
> = {};
