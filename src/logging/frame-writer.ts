import { FRAME_HEADER_BYTES, putFrameHeader, STREAM_NUMBER, type LogsQuery } from "../api/index.ts";
import { LineScanner } from "./line-scanner.ts";
import { fullTime, TimeBound } from "./times.ts";

const FULL_TIME = 30;
const SPACE = 0x20;
/** Shorter texts are copied faster by hand than by a call. */
const SHORT = 64;

/** Turns blocks of log lines into blocks of frames: streams and times chosen, prefixes put before the texts. */
export class FrameWriter {
  /** An entry after `until` was seen: what follows is later still. */
  done = false;
  readonly #query: LogsQuery;
  readonly #tty: boolean;
  readonly #details: Buffer;
  readonly #since: TimeBound | undefined;
  readonly #until: TimeBound | undefined;
  readonly #scanner = new LineScanner();
  #out: Buffer = Buffer.alloc(0);
  #length = 0;

  /** @param details what `--details` puts before each text, without the space. */
  constructor(query: LogsQuery, tty: boolean, details: string) {
    this.#query = query;
    this.#tty = tty;
    this.#details = Buffer.from(query.details ? `${details} ` : "");
    this.#since = query.since === undefined ? undefined : new TimeBound(query.since);
    this.#until = query.until === undefined ? undefined : new TimeBound(query.until);
  }

  /** @param block whole lines; it is overwritten. @returns frames in memory of their own; empty when nothing is chosen. */
  frames(block: Buffer): Buffer {
    // What stands around a text in the file is longer than its header and time are here.
    this.#out = Buffer.allocUnsafeSlow(block.length + 1024);
    this.#length = 0;
    const scanner = this.#scanner;
    scanner.reset(block);
    while (!this.done && scanner.next()) this.#take();
    return this.#out.subarray(0, this.#length);
  }

  #take(): void {
    const { stream, time, timeStart, timeEnd } = this.#scanner;
    if (this.#until !== undefined && this.#until.compare(time, timeStart, timeEnd) > 0) {
      this.done = true;
      return;
    }
    if (this.#since !== undefined && this.#since.compare(time, timeStart, timeEnd) < 0) return;
    if (stream === STREAM_NUMBER.stderr ? this.#query.stderr : this.#query.stdout) this.#put();
  }

  #put(): void {
    const { stream, text, textStart, textEnd } = this.#scanner;
    const start = this.#length;
    this.#reserve(FRAME_HEADER_BYTES + FULL_TIME + 1);
    if (!this.#tty) this.#length += FRAME_HEADER_BYTES;
    if (this.#query.timestamps) this.#putTime();
    this.#reserve(this.#details.length + textEnd - textStart);
    if (this.#details.length > 0) {
      this.#out.set(this.#details, this.#length);
      this.#length += this.#details.length;
    }
    const out = this.#out;
    const to = this.#length;
    const length = textEnd - textStart;
    if (length < SHORT) for (let index = 0; index < length; index++) out[to + index] = text[textStart + index] ?? 0;
    else text.copy(out, to, textStart, textEnd);
    this.#length = to + length;
    if (!this.#tty) putFrameHeader(out, start, stream, this.#length - start - FRAME_HEADER_BYTES);
  }

  #putTime(): void {
    const { time, timeStart, timeEnd } = this.#scanner;
    if (timeEnd - timeStart === FULL_TIME) {
      for (let at = timeStart; at < timeEnd; at++) this.#out[this.#length++] = time[at] ?? 0;
    } else {
      const text = fullTime(time.toString("latin1", timeStart, timeEnd));
      this.#reserve(text.length + 1);
      this.#length += this.#out.write(text, this.#length, "latin1");
    }
    this.#out[this.#length++] = SPACE;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#length + bytes));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}
