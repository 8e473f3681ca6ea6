import type { ProgressMessage } from "../api/index.ts";
import { messageOf } from "../base/index.ts";

export type Report = (message: ProgressMessage) => void;

/** Byte counts of one line are passed on at most this often, as Docker does. */
const INTERVAL_MS = 100;

/**
 * Runs `work` and gives its messages as they come. A consumer that stops reading, or the caller's signal, cancels the
 * work; the stream ends only when the work has ended. What the work throws is thrown, unless messages were sent already
 * (or `errorsAsMessages`): then it is the last message, as the HTTP status has left.
 */
export async function* progressStream(
  work: (report: Report, signal: AbortSignal) => Promise<void>,
  options: { signal: AbortSignal; errorsAsMessages?: boolean },
): AsyncGenerator<ProgressMessage> {
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  const queue: ProgressMessage[] = [];
  let wake = Promise.withResolvers<void>();
  let sent = false;
  const report: Report = (message) => {
    merge(queue, message);
    wake.resolve();
  };
  let outcome: { error: unknown } | "running" | "done" = "running";
  const finished = work(report, signal).then(
    () => {
      outcome = "done";
      wake.resolve();
    },
    (error: unknown) => {
      outcome = { error };
      wake.resolve();
    },
  );
  const state = (): typeof outcome => outcome;
  try {
    for (;;) {
      await wake.promise;
      wake = Promise.withResolvers();
      const last = state();
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        sent = true;
        yield next;
      }
      if (last === "done") return;
      if (last !== "running") {
        if (!sent && options.errorsAsMessages !== true) throw last.error;
        yield errorMessage(last.error);
        return;
      }
      // Messages that came while the consumer was busy.
      if (queue.length > 0 || state() !== "running") wake.resolve();
    }
  } finally {
    stopped.abort();
    await finished;
  }
}

export function errorMessage(error: unknown): ProgressMessage {
  const message = messageOf(error);
  return { errorDetail: { message }, error: message };
}

/** A byte counter of one line, held to Docker's pace; the last count of a known total always gets through. */
export function byteProgress(report: Report, id: string, status: string, total?: number): (current: number) => void {
  let due = 0;
  return (current) => {
    const now = performance.now();
    if (now < due && current !== total) return;
    due = now + INTERVAL_MS;
    report({ status, progressDetail: { current, ...(total === undefined ? {} : { total }) }, id });
  };
}

/** A newer count takes the place of one that nobody has read: a slow reader costs no memory. */
function merge(queue: ProgressMessage[], message: ProgressMessage): void {
  const last = queue.findLastIndex((other) => other.id === message.id);
  const before = queue[last];
  const replaces =
    message.id !== undefined &&
    message.progressDetail?.current !== undefined &&
    before?.status === message.status &&
    before?.progressDetail?.current !== undefined;
  if (replaces) queue[last] = message;
  else queue.push(message);
}
