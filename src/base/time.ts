/** Instants are nanoseconds since 1970 as bigint where Docker shows nanoseconds; durations are milliseconds unless named. */
export type Nanos = bigint;

/** Milliseconds: the longest delay that a timer takes. One with more fires at once. */
export const MAX_DELAY = 2 ** 31 - 1;

const anchorWall = BigInt(Date.now()) * 1_000_000n;
const anchorTick = process.hrtime.bigint();
let last = 0n;

/** Now in nanoseconds; strictly increasing within this process, so that it can order events. */
export function nowNanos(): Nanos {
  const wall = BigInt(Date.now()) * 1_000_000n;
  const smooth = anchorWall + (process.hrtime.bigint() - anchorTick);
  // Follow the wall clock when it was set; otherwise take the monotonic clock's finer digits.
  const drift = smooth > wall ? smooth - wall : wall - smooth;
  const now = drift > 5_000_000n ? wall : smooth;
  last = now > last ? now : last + 1n;
  return last;
}

/** RFC 3339 with nanoseconds and without trailing zeros, UTC, as Go prints it (`2006-01-02T15:04:05.999999999Z`). */
export function formatNanos(at: Nanos): string {
  const seconds = at / 1_000_000_000n;
  const rest = (at % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return rest === "" ? `${base}Z` : `${base}.${rest}Z`;
}

/** What Docker shows for an instant that never was. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";
