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
