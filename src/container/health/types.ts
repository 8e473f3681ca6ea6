import type { HealthcheckResult } from "../../api/index.ts";

export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** What inspect shows of a container's health check, for the run that goes on or went on last. */
export interface Health {
  status: HealthStatus;
  failingStreak: number;
  /** The last five results, oldest first. */
  log: NonNullable<HealthcheckResult>[];
}
