/** One entry of a json-file log: what the shim wrote as a line. */
export interface LogEntry {
  /** With its line feed, unless the line was cut in pieces. */
  text: Uint8Array;
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  time: string;
}

const BEGIN = Buffer.from('{"log":"');
const STREAM = Buffer.from('","stream":"std');
const TIME = Buffer.from('"time":"');
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const LETTER_N = 0x6e;
const LETTER_E = 0x65;

/**
 * The entries of whole lines. Almost every line has no escape but its line feed: its text is then taken out of `block`
 * itself, which the caller therefore must not use again. Damaged lines (a host that lost power) are left out.
 */
export function parseEntries(block: Buffer): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let start = 0; start < block.length;) {
    const feed = block.indexOf(LINE_FEED, start);
    const end = feed < 0 ? block.length : feed;
    const entry = plainEntry(block, start, end) ?? parseEntry(block.toString("utf8", start, end));
    if (entry !== undefined) entries.push(entry);
    start = end + 1;
  }
  return entries;
}

/** A line in the very form that the shim writes, without escapes; undefined for any other. */
function plainEntry(block: Buffer, start: number, end: number): LogEntry | undefined {
  const from = start + BEGIN.length;
  if (block.compare(BEGIN, 0, BEGIN.length, start, Math.min(from, end)) !== 0) return undefined;
  const escape = block.indexOf(BACKSLASH, from);
  const quote = block.indexOf(STREAM, from);
  if (quote < 0 || quote > end) return undefined;
  let to = quote;
  if (escape >= 0 && escape < end) {
    // The one escape that may be there is the line feed at the text's end.
    if (escape !== quote - 2 || block[escape + 1] !== LETTER_N) return undefined;
    block[escape] = LINE_FEED;
    to = escape + 1;
  }
  const time = block.indexOf(TIME, quote);
  if (time < 0 || time > end) return undefined;
  return {
    text: block.subarray(from, to),
    stream: block[quote + STREAM.length] === LETTER_E ? "stderr" : "stdout",
    time: block.toString("latin1", time + TIME.length, end - 2),
  };
}

/** The entry of any line that is JSON of this form. */
function parseEntry(line: string): LogEntry | undefined {
  try {
    // Checked below: the file is ours, but disks lie.
    const entry = JSON.parse(line) as { log?: unknown; stream?: unknown; time?: unknown };
    if (typeof entry.log !== "string" || typeof entry.time !== "string") return undefined;
    const stream = entry.stream === "stderr" ? "stderr" : "stdout";
    return { text: Buffer.from(entry.log), stream, time: entry.time };
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
