import { STREAM_NUMBER } from "../api/index.ts";
import { unescape } from "./unescape.ts";

const BEGIN = Buffer.from('{"log":"');
const STREAM = Buffer.from('","stream":"std');
/** What stands between text and time when an entry has no attributes: `","stream":"stdout"` and `,"time":"`. */
const STREAM_LENGTH = 19;
const TIME = Buffer.from(',"time":"');
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const LETTER_N = 0x6e;
const LETTER_E = 0x65;
/** The longest time there is: nine digits after the point. */
const TIME_LENGTH = 30;

/**
 * Walks over the entries of a json-file log without making an object of each. What the shim writes is found by position;
 * what others wrote is parsed. Damaged lines (a host that lost power) are left out.
 */
export class LineScanner {
  /** Of the entry: STREAM_NUMBER.stdout or stderr. */
  stream: number = STREAM_NUMBER.stdout;
  /** Where the text stands, without escapes; it has its line feed unless the line was cut in pieces. */
  text: Buffer;
  textStart = 0;
  textEnd = 0;
  /** Where its RFC 3339 time stands. */
  time: Buffer;
  timeStart = 0;
  timeEnd = 0;
  /** Where the next line begins. */
  position = 0;

  #block: Buffer;
  #length = 0;
  /** The first backslash at or after the last place that was looked at. */
  #escape = -1;

  constructor() {
    this.#block = this.text = this.time = Buffer.alloc(0);
  }

  /** Begins with a block of whole lines, which is overwritten while it is walked over. */
  reset(block: Buffer): void {
    this.#block = block;
    this.#length = block.length;
    this.position = 0;
    this.#escape = -1;
  }

  /** Goes to the next entry. @returns false at the end of the block. */
  next(): boolean {
    while (this.position < this.#length) {
      const start = this.position;
      const feed = this.#block.indexOf(LINE_FEED, start);
      const end = feed < 0 ? this.#length : feed;
      this.position = end + 1;
      if (this.#plain(start, end) || this.#parsed(start, end)) return true;
    }
    return false;
  }

  #plain(start: number, end: number): boolean {
    const block = this.#block;
    const from = start + BEGIN.length;
    if (end - from < STREAM_LENGTH + TIME.length || !matches(block, start, BEGIN)) return false;
    // From the end: `"}` behind the time. Quotes in texts are escaped, so that what follows cannot be part of one.
    if (block[end - 1] !== 0x7d || block[end - 2] !== QUOTE) return false;
    let time = end - 3;
    const limit = Math.max(from, time - TIME_LENGTH);
    while (time > limit && block[time] !== QUOTE) time--;
    const head = time + 1 - TIME.length;
    if (!matches(block, head, TIME)) return false;
    let to = head - STREAM_LENGTH;
    // With attributes the stream stands further before.
    if (to < from || !matches(block, to, STREAM)) to = block.indexOf(STREAM, from);
    if (to < from || to >= head) return false;
    this.stream = block[to + STREAM.length] === LETTER_E ? STREAM_NUMBER.stderr : STREAM_NUMBER.stdout;
    this.text = this.time = block;
    this.textStart = from;
    this.textEnd = to;
    this.timeStart = time + 1;
    this.timeEnd = end - 2;
    return this.#unescaped();
  }

  /** Takes the escapes out of the text, in place. Almost every line has one: the line feed at its end. */
  #unescaped(): boolean {
    const block = this.#block;
    if (this.#escape < this.textStart) {
      const found = block.indexOf(BACKSLASH, this.textStart);
      this.#escape = found < 0 ? this.#length : found;
    }
    const at = this.#escape;
    if (at >= this.textEnd) return true;
    if (at === this.textEnd - 2 && block[at + 1] === LETTER_N) {
      block[at] = LINE_FEED;
      this.textEnd = at + 1;
      return true;
    }
    const end = unescape(block, at, this.textEnd);
    if (end === undefined) return false;
    this.textEnd = end;
    return true;
  }

  /** Any line that is JSON of this form. */
  #parsed(start: number, end: number): boolean {
    try {
      // Checked below: the file is ours, but disks lie.
      const entry = JSON.parse(this.#block.toString("utf8", start, end)) as {
        log?: unknown;
        stream?: unknown;
        time?: unknown;
      };
      if (typeof entry.log !== "string" || typeof entry.time !== "string") return false;
      this.stream = entry.stream === "stderr" ? STREAM_NUMBER.stderr : STREAM_NUMBER.stdout;
      this.text = Buffer.from(entry.log);
      this.time = Buffer.from(entry.time);
    } catch {
      return false;
    }
    this.textStart = this.timeStart = 0;
    this.textEnd = this.text.length;
    this.timeEnd = this.time.length;
    return true;
  }
}

function matches(block: Buffer, at: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) if (block[at + index] !== bytes[index]) return false;
  return true;
}
