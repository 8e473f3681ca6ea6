import { existsSync } from "node:fs";
import { goSize, messageOf, type Logger } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { waitingBytes, waitingEntries } from "./backlog.ts";
import { compressRotated } from "./compressor.ts";
import { hasCursor, readCursor } from "./cursor.ts";
import { Forwarder, type DeliveryCounts } from "./forwarder.ts";
import { localPath } from "./drivers.ts";
import type { LogDriver, LogFilePlan, LogSource, SenderCalls } from "./types.ts";

/** How long a removed container's last entries may take to be delivered. */
const FAREWELL_MS = 10_000;

/** What goes on beside the logs of containers: delivery to receivers and compression of rotated files. */
export interface LogService {
  /**
   * Takes care of a container's log until `ended` settles and what was written by then is dealt with. A log that is still
   * being dealt with from an earlier run goes on with that first.
   */
  attend(request: LogRequest): void;
  /**
   * Waits until a stopped container's entries are delivered, at most ten seconds; then they are given up, and what is lost is
   * logged.
   * @param folder where the container's log is, which is to be removed afterwards.
   * @param last what there is to do when nobody attends to it: it ended, or was removed, when another daemon was there.
   * @returns false when this was closed meanwhile: the next daemon goes on with what is in the folder.
   */
  finish(id: string, folder: string, last: LogRequest | undefined): Promise<boolean>;
  /** Entries by container since the daemon's start, for who looks for a fault. */
  counts(): Record<string, DeliveryCounts>;
  /** What became of entries, and how many bytes wait, by driver. */
  totals(): Promise<Map<string, DeliveryTotals>>;
  /** Stops everything; the next daemon goes on where this one was. */
  close(): Promise<void>;
}

/** Of all containers with one driver, since the daemon's start. */
export interface DeliveryTotals extends DeliveryCounts {
  waitingBytes: number;
}

export interface LogRequest {
  driver: LogDriver;
  source: LogSource;
  plan: LogFilePlan;
  ended: Promise<void>;
}

interface Attended {
  readonly driver: string;
  readonly plan: LogFilePlan;
  readonly stop: AbortController;
  readonly counts: DeliveryCounts;
  busy: boolean;
  /** Nothing is left to be done. */
  complete: boolean;
  /** The newest run, when it has to wait for what is still done for an earlier one; it covers those between. */
  next: LogRequest | undefined;
  work: Promise<void>;
}

type Calls = SenderCalls & Pick<Native, "flock">;

/** @param calls what the work needs of the kernel. */
export function createLogService({ calls, logger }: { calls: Calls; logger: Logger }): LogService {
  const attended = new Map<string, Attended>();
  /** Of containers that are gone. */
  const past = new Map<string, DeliveryCounts>();
  let closing = false;

  const compress = async ({ plan, ended, source }: LogRequest, { stop }: Attended) => {
    if (!plan.compress || plan.maxFiles < 2) return;
    const own = logger.with({ container: source.id });
    await compressRotated({ path: plan.path, maxFiles: plan.maxFiles, calls, logger: own }, ended, stop.signal);
  };
  const forward = async ({ driver, source, plan, ended }: LogRequest, { stop, counts }: Attended) => {
    const sender = driver.open?.(source, calls);
    if (sender === undefined) return;
    const own = logger.with({ container: source.id, driver: driver.name });
    const limit = limitOf(source, plan);
    await new Forwarder({ plan, sender, limit, calls, counts, logger: own, ended, signal: stop.signal }).run();
  };

  /** @throws what ends one of the two; the other one has ended by then, too. */
  const both = async (request: LogRequest, entry: Attended) => {
    const results = await Promise.allSettled([compress(request, entry), forward(request, entry)]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  };
  const work = async (first: LogRequest, entry: Attended) => {
    entry.next = first;
    while (entry.next !== undefined && !entry.stop.signal.aborted) {
      const request: LogRequest = entry.next;
      entry.next = undefined;
      entry.complete = false;
      try {
        await both(request, entry);
        entry.complete = !entry.stop.signal.aborted;
      } catch (error) {
        logger.error("a log is not attended to any more", { container: request.source.id, error: messageOf(error) });
      }
    }
    entry.busy = false;
  };

  const attend = (request: LogRequest) => {
    const { driver, source, plan } = request;
    if (closing || (driver.open === undefined && !plan.compress)) return;
    const before = attended.get(source.id);
    if (before?.busy === true) {
      before.next = request;
      return;
    }
    const counts = before?.counts ?? { delivered: 0, dropped: 0, failures: 0 };
    const stop = new AbortController();
    const entry: Attended = {
      driver: driver.name,
      plan,
      stop,
      counts,
      busy: true,
      complete: false,
      next: undefined,
      work: Promise.resolve(),
    };
    attended.set(source.id, entry);
    entry.work = work(request, entry);
  };

  return {
    attend,
    async finish(id, folder, last) {
      if (last !== undefined && !attended.has(id) && existsSync(last.plan.path)) attend(last);
      const entry = attended.get(id);
      if (entry !== undefined) {
        const timer = setTimeout(() => entry.stop.abort(), FAREWELL_MS);
        await entry.work;
        clearTimeout(timer);
        attended.delete(id);
        addTo(past, entry.driver, entry.counts);
        if (entry.complete) return true;
      }
      const path = localPath(folder);
      if (closing && (last !== undefined || hasCursor(path))) return false;
      const lost = hasCursor(path) ? await waitingEntries(path) : 0;
      if (lost > 0) logger.warn("log entries of a removed container are lost", { container: id, lost });
      return true;
    },
    counts: () => Object.fromEntries([...attended].map(([id, { counts }]) => [id, counts])),
    async totals() {
      const sums = new Map<string, DeliveryCounts>();
      for (const [driver, counts] of past) addTo(sums, driver, counts);
      const bytes = new Map<string, number>();
      for (const { driver, plan, counts } of attended.values()) {
        if (!hasCursor(plan.path)) continue;
        addTo(sums, driver, counts);
        const waiting = await waitingBytes(plan, await readCursor(plan.path));
        bytes.set(driver, (bytes.get(driver) ?? 0) + waiting);
      }
      return new Map([...sums].map(([driver, sum]) => [driver, { ...sum, waitingBytes: bytes.get(driver) ?? 0 }]));
    },
    async close() {
      closing = true;
      for (const { stop } of attended.values()) stop.abort();
      await Promise.all([...attended.values()].map(({ work }) => work));
    },
  };
}

function addTo(sums: Map<string, DeliveryCounts>, driver: string, more: DeliveryCounts): void {
  const sum = sums.get(driver) ?? { delivered: 0, dropped: 0, failures: 0 };
  sum.delivered += more.delivered;
  sum.dropped += more.dropped;
  sum.failures += more.failures;
  sums.set(driver, sum);
}

/** How much may wait for the receiver before the oldest goes; blocking mode loses nothing. */
function limitOf({ options }: LogSource, plan: LogFilePlan): number | undefined {
  if (options["mode"] !== "non-blocking") return undefined;
  const size = goSize(options["max-buffer-size"] ?? "");
  // Before rotation takes it away.
  const kept = plan.maxSize === 0 ? Infinity : plan.maxSize * Math.max(0.5, plan.maxFiles - 1.5);
  return Math.min("value" in size ? size.value : Infinity, kept);
}
