import { cancelled } from "../../base/index.ts";

/** Something that takes pieces and says when it can take more. */
export interface Sink {
  ready(): Promise<void> | undefined;
}

/**
 * Moves items to a sink at the sink's speed: the next item is asked for when the one before was taken.
 * @param takeOver asked once, after the first item: true when what is left of the source has reached the sink by itself.
 * @throws what the source throws; cancelled when the signal fires or the client goes. The source is told to stop then.
 */
export async function pump<T>(
  source: AsyncIterable<T>,
  sink: Sink,
  signal: AbortSignal,
  write: (item: T) => void,
  takeOver?: () => Promise<boolean>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let stop: (() => void) | undefined;
  const onAbort = (): void => stop?.();
  signal.addEventListener("abort", onAbort, { once: true });
  let finished = false;
  let isFirst = true;
  try {
    for (;;) {
      if (signal.aborted) throw gone();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        stop = () => reject(gone());
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) {
        finished = true;
        return;
      }
      write(next.value);
      const waiting = sink.ready();
      if (waiting !== undefined) await waiting;
      if (isFirst && takeOver !== undefined && (await takeOver())) return;
      isFirst = false;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a generator that is stuck in its own await would hold the connection.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** What a promise comes to, as the one item of a source. */
export async function* once<T>(promise: Promise<T>): AsyncGenerator<T, void> {
  yield await promise;
}

const gone = () => cancelled("the client has gone");
