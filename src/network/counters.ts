import { type BlockingCalls, RepeatedReads } from "../sys/index.ts";
import type { InterfaceCounters } from "./types.ts";

/** /proc/PID/net/dev (proc_pid_net(5)) as counters by interface; loopback is left out as Docker does. */
export function parseNetDev(text: string): Record<string, InterfaceCounters> {
  const counters: Record<string, InterfaceCounters> = {};
  for (const line of text.split("\n").slice(2)) {
    const [name = "", values = ""] = line.split(":");
    if (values === "" || name.trim() === "lo") continue;
    const field = values.trim().split(/\s+/).map(Number);
    const at = (index: number) => field[index] ?? 0;
    counters[name.trim()] = {
      rx_bytes: at(0),
      rx_packets: at(1),
      rx_errors: at(2),
      rx_dropped: at(3),
      tx_bytes: at(8),
      tx_packets: at(9),
      tx_errors: at(10),
      tx_dropped: at(11),
    };
  }
  return counters;
}

/** Reads counters of network namespaces. No file stays open: it would keep its namespace. */
export class CounterReader {
  readonly #reads: RepeatedReads<Record<string, InterfaceCounters>>;

  constructor(calls: Pick<BlockingCalls, "readFiles">) {
    this.#reads = new RepeatedReads(calls, {
      missing: ["ENOENT", "ESRCH", "EINVAL"],
      parse: ([text]) => (text === undefined ? {} : parseNetDev(text)),
    });
  }

  /** Of the namespace of a process; none once it has ended. */
  of(pid: number): Promise<Record<string, InterfaceCounters>> {
    const path = `/proc/${pid}/net/dev`;
    return this.#reads.read(path, () => [path], { keep: false });
  }
}
