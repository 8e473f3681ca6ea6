/** One entry of a json-file log: what the shim wrote as a line. */
export interface LogEntry {
  /** With its line feed, unless the line was cut in pieces. */
  log: string;
  stream: string;
  /** RFC 3339 with nanoseconds. */
  time: string;
}

/** The entry of a line, or undefined for one that was damaged (a host that lost power while writing). */
export function parseEntry(line: string): LogEntry | undefined {
  try {
    // Checked below: the file is ours, but disks lie.
    const entry = JSON.parse(line) as Partial<LogEntry>;
    if (typeof entry.log !== "string" || typeof entry.time !== "string") return undefined;
    return { log: entry.log, stream: entry.stream ?? "stdout", time: entry.time };
  } catch {
    return undefined;
  }
}

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
