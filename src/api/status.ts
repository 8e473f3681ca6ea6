import type { ErrorKind } from "../base/index.ts";

/** The HTTP status of each kind of failure; exhaustive, so that a new kind does not compile without one. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "not-implemented": 501,
  unavailable: 503,
  cancelled: 500,
  deadline: 500,
  "data-loss": 500,
  "no-space": 500,
  unknown: 500,
};

export function statusOfKind(kind: ErrorKind): number {
  return STATUS[kind];
}

/** What a client makes of a status it was answered with. */
export function kindOfStatus(status: number): ErrorKind {
  if (status === 400) return "invalid";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 304) return "not-modified";
  if (status === 501) return "not-implemented";
  if (status === 503) return "unavailable";
  return "unknown";
}
