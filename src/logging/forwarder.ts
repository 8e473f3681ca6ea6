import { chmod, stat } from "node:fs/promises";
import { STREAM_NUMBER } from "../api/index.ts";
import { errnoOf, messageOf, type Logger } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { waitingBytes } from "./backlog.ts";
import { compressedName } from "./compressed.ts";
import { beginCursor, readCursor, writeCursor, type Position } from "./cursor.ts";
import { DeliveryError } from "./errors.ts";
import { withLogFolder } from "./folder-lock.ts";
import { lineBlocks, type LineBlock } from "./line-blocks.ts";
import { findFile, rotatedName } from "./log-files.ts";
import { LineScanner } from "./line-scanner.ts";
import type { LogFilePlan, LogRecord, LogSender } from "./types.ts";

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 10_000;
/** A cursor is written at most so often; more is delivered again after a kill, never less. */
const CURSOR_EVERY_MS = 200;
/** How long a receiver may take for what is on its way when delivery is told to stop: sent again, it would come twice. */
const LAST_SEND_MS = 1000;
const LINE_FEED = 0x0a;

/** What became of a log's entries. */
export interface DeliveryCounts {
  delivered: number;
  /** Given up: too much waited for the receiver, or it refused them. */
  dropped: number;
  /** Tries that failed. */
  failures: number;
}

export interface Forwarding {
  plan: LogFilePlan;
  sender: LogSender;
  /** Bytes that may wait before the oldest entries are dropped; undefined: nothing is dropped. */
  limit: number | undefined;
  calls: Pick<Native, "flock">;
  counts: DeliveryCounts;
  logger: Logger;
  /** Settles when the container has stopped and its log is whole. */
  ended: Promise<void>;
  signal: AbortSignal;
}

/**
 * Delivers a log from where its cursor stands, as it grows, until it has ended and all was delivered. At least once: what was
 * sent before a kill but not noted is sent again.
 */
export class Forwarder {
  readonly #parts: Forwarding;
  readonly #scanner = new LineScanner();
  #failing = false;
  #written = 0;

  constructor(parts: Forwarding) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { plan, ended, signal, sender } = this.#parts;
    const { path, maxFiles } = plan;
    await using _sender = sender;
    const from = await readCursor(path);
    if (from === undefined) await beginCursor(path);
    let at: Position | undefined = from;
    try {
      for await (const block of lineBlocks({ path, maxFiles, tail: "all", follow: ended, signal, from })) {
        if (at !== undefined && at.identity !== block.file.identity) await this.#leave(at.identity);
        if (!(await this.#deliver(this.#recordsOf(block.lines), block))) return;
        at = { identity: block.file.identity, offset: block.offset + block.lines.length };
        await this.#note(at);
      }
    } finally {
      if (at !== undefined) await writeCursor(path, at);
    }
  }

  /** A file was delivered to its end: the shim may now remove it and older ones. */
  async #leave(identity: string): Promise<void> {
    const { plan, calls, logger } = this.#parts;
    const last = await findFile(plan.path, plan.maxFiles, identity);
    if (last === undefined) {
      logger.warn("a log was rotated faster than it was delivered: entries may be missing", { path: plan.path });
    }
    if (!plan.holds) return;
    await withLogFolder(plan.path, calls, async () => {
      const found = await findFile(plan.path, plan.maxFiles, identity);
      for (let index = found ?? plan.maxFiles; index < plan.maxFiles; index++) {
        const name = rotatedName(plan.path, index);
        for (const each of [name, compressedName(name)]) await setSticky(each);
      }
    });
  }

  async #note(at: Position): Promise<void> {
    const now = Date.now();
    if (now - this.#written < CURSOR_EVERY_MS) return;
    this.#written = now;
    await writeCursor(this.#parts.plan.path, at);
  }

  #recordsOf(lines: Buffer): LogRecord[] {
    const scanner = this.#scanner;
    const records: LogRecord[] = [];
    scanner.reset(lines);
    while (scanner.next()) {
      const { text, textStart, textEnd, time, timeStart, timeEnd } = scanner;
      const partial = text[textEnd - 1] !== LINE_FEED || textEnd === textStart;
      records.push({
        // Memory of its own: blocks are used again.
        text: Buffer.from(text.subarray(textStart, partial ? textEnd : textEnd - 1)),
        stream: scanner.stream === STREAM_NUMBER.stderr ? "stderr" : "stdout",
        time: time.toString("latin1", timeStart, timeEnd),
        partial,
      });
    }
    return records;
  }

  /** @returns false when it was told to stop before all were dealt with. */
  async #deliver(records: readonly LogRecord[], block: LineBlock): Promise<boolean> {
    const { sender, counts, signal } = this.#parts;
    const tries = sender.retry?.tries ?? Infinity;
    let left = records;
    let wait = sender.retry?.wait ?? FIRST_WAIT_MS;
    for (let failed = 0; left.length > 0;) {
      if (signal.aborted) return false;
      if (this.#failing && (await this.#tooMuchWaits(block))) {
        this.#drop(left.length, "too much waits for the receiver");
        return true;
      }
      try {
        if (!(await settles(sender.send(left), signal))) return false;
        counts.delivered += left.length;
        this.#recovered();
        return true;
      } catch (error) {
        left = this.#failed(error, left);
        if (error instanceof DeliveryError && error.refused > 0) continue;
        if (++failed >= tries) {
          this.#drop(left.length, `${failed} tries failed`);
          return true;
        }
        await pause(wait, signal);
        wait = Math.min(wait * 2, Math.max(LAST_WAIT_MS, sender.retry?.wait ?? 0));
      }
    }
    return true;
  }

  /** Notes the failure. @returns the records that are still to be sent. */
  #failed(error: unknown, records: readonly LogRecord[]): readonly LogRecord[] {
    const { counts, logger } = this.#parts;
    counts.failures++;
    if (!(error instanceof DeliveryError)) {
      this.#tell(error);
      return records;
    }
    counts.delivered += error.sent;
    if (error.refused > 0) this.#drop(error.refused, error.message);
    else this.#tell(error);
    if (error.sent > 0 && this.#failing) logger.debug("a batch was delivered in part", { sent: error.sent });
    return records.slice(error.sent + error.refused);
  }

  /** Once for each time that the receiver goes away. */
  #tell(error: unknown): void {
    const { logger, counts } = this.#parts;
    if (!this.#failing) {
      logger.warn("log entries cannot be delivered; they are tried again", {
        error: messageOf(error),
        failures: counts.failures,
      });
    }
    this.#failing = true;
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#parts.logger.info("log entries are delivered again", { ...this.#parts.counts });
  }

  #drop(number: number, why: string): void {
    const { counts, logger } = this.#parts;
    counts.dropped += number;
    logger.warn("log entries were dropped", { dropped: number, total: counts.dropped, reason: why });
  }

  async #tooMuchWaits(block: LineBlock): Promise<boolean> {
    const { limit, plan } = this.#parts;
    if (limit === undefined) return false;
    return (await waitingBytes(plan, { identity: block.file.identity, offset: block.offset })) > limit;
  }
}

async function setSticky(path: string): Promise<void> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o1000) === 0) await chmod(path, (mode & 0o7777) | 0o1000);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Waits for it, and a moment longer than the signal lets. @returns false when that was too short; it comes to nothing then. */
async function settles(sending: Promise<void>, signal: AbortSignal): Promise<boolean> {
  const { promise: tooLong, resolve } = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => (timer = setTimeout(() => resolve(false), LAST_SEND_MS));
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([sending.then(() => true), tooLong]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
