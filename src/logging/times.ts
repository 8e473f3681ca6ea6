/** Nanoseconds since 1970 of an RFC 3339 instant; 0 when it is none. */
export function nanosOf(time: string): bigint {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (parts === null) return 0n;
  const seconds = Date.parse(`${parts[1]}${parts[3]}`) / 1000;
  return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000_000n + BigInt((parts[2] ?? "").padEnd(9, "0"));
}

/** The instant as `logs -t` shows it: nine digits after the point. */
export function fullTime(time: string): string {
  const parts = /^(.{19})(?:\.(\d{1,9}))?Z$/.exec(time);
  return parts === null ? time : `${parts[1]}.${(parts[2] ?? "").padEnd(9, "0")}Z`;
}

const SECONDS = 19;
const DIGIT_0 = 0x30;
const LETTER_Z = 0x5a;
const POINT = 0x2e;

/** An instant to compare times of log entries with, by their bytes. */
export class TimeBound {
  readonly #nanos: bigint;
  /** `2006-01-02T15:04:05` and nine digits; undefined for an instant that has no such form. */
  readonly #bytes: Buffer | undefined;

  constructor(nanos: bigint) {
    this.#nanos = nanos;
    const second = 1_000_000_000n;
    const rest = ((nanos % second) + second) % second;
    const date = new Date(Number((nanos - rest) / 1_000_000n));
    const text = Number.isNaN(date.getTime()) ? "" : date.toISOString();
    this.#bytes = text.length === 24 ? Buffer.from(text.slice(0, SECONDS) + String(rest).padStart(9, "0")) : undefined;
  }

  /** Negative, zero or positive: the time is before, at or after the bound. */
  compare(block: Buffer, start: number, end: number): number {
    const bound = this.#bytes;
    if (bound === undefined || block[end - 1] !== LETTER_Z || end - start <= SECONDS) {
      const at = nanosOf(block.toString("latin1", start, end));
      return at < this.#nanos ? -1 : at > this.#nanos ? 1 : 0;
    }
    for (let index = 0; index < SECONDS; index++) {
      const difference = (block[start + index] ?? 0) - (bound[index] ?? 0);
      if (difference !== 0) return difference;
    }
    let at = start + SECONDS;
    if (block[at] === POINT) at++;
    for (let index = SECONDS; index < bound.length; index++, at++) {
      const digit = at < end - 1 ? (block[at] ?? 0) : DIGIT_0;
      const difference = digit - (bound[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
