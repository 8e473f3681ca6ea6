import type { Outcome } from "./types.ts";

/** Where berth answers something else than the real engine, by `CASE#STEP`: what it answers, and why. */
export const DIFFERENCES: Readonly<Record<string, { berth: Outcome; reason: string }>> = {};
