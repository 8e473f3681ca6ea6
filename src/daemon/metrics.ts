import { readFileSync, readdirSync } from "node:fs";
import { messageOf, type Logger } from "../base/index.ts";
import type { ContainerService } from "../container/index.ts";
import type { EventBus } from "../events/index.ts";
import type { LogService } from "../logging/index.ts";
import { familiesOf, Gauge, type EngineMetrics, type Family, type Sample } from "../metrics/index.ts";
import type { SparePool } from "../runtime/index.ts";
import { serveMetrics, type MetricsServer } from "../server/index.ts";
import { badMetricsAddress, badMetricsPort, metricsNotServed } from "./errors.ts";
import { readHostFacts } from "./host-facts.ts";
import { GIT_COMMIT, VERSION } from "./version.ts";

export interface MetricsAddress {
  host: string;
  port: number;
}

/**
 * `--metrics-addr`: `HOST:PORT`, `[ADDRESS]:PORT`, or `:PORT` for this host alone.
 * @returns undefined when it is empty. @throws invalid with Docker's texts.
 */
export function metricsAddress(text: string): MetricsAddress | undefined {
  if (text === "") return undefined;
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw badMetricsAddress(text, "missing port in address");
  const name = text.slice(0, colon);
  const bracketed = /^\[(.*)\]$/.exec(name)?.[1];
  if (bracketed === undefined && name.includes(":")) throw badMetricsAddress(text, "too many colons in address");
  const port = text.slice(colon + 1);
  if (!/^\d+$/.test(port) || Number(port) > 65_535) throw badMetricsPort(port);
  return { host: bracketed ?? (name || "127.0.0.1"), port: Number(port) };
}

export interface MetricsSources {
  metrics: EngineMetrics;
  engineId: string;
  storageDriver: string;
  containers: Pick<ContainerService, "counts">;
  events: EventBus;
  logs: LogService;
  spares: SparePool;
}

/** Starts to serve. @throws unavailable when the address cannot be had. */
export async function startMetrics(
  { host, port }: MetricsAddress,
  sources: MetricsSources,
  logger: Logger,
): Promise<MetricsServer> {
  const shown = (chosen: number) => `${host.includes(":") ? `[${host}]` : host}:${chosen}`;
  try {
    const server = await serveMetrics({ host, port, families: allFamilies(sources), logger });
    logger.info("metrics API listening", { address: shown(server.port) });
    return server;
  } catch (error) {
    logger.debug("metrics are not served", { error: messageOf(error) });
    throw metricsNotServed(shown(port), error);
  }
}

function allFamilies(sources: MetricsSources): Family[] {
  return [...familiesOf(sources.metrics), ...engineGauges(sources), ...ownGauges(sources), ...processGauges()];
}

/** Docker's, which are looked up. */
function engineGauges({ engineId, storageDriver, containers, events }: MetricsSources): Family[] {
  const host = readHostFacts();
  const labels = {
    architecture: host.machine,
    commit: GIT_COMMIT,
    daemon_id: engineId,
    graphdriver: storageDriver,
    kernel: host.kernel,
    os: host.operatingSystem,
    os_type: "linux",
    os_version: host.osVersion,
    version: VERSION,
  };
  const states = (): Sample[] => {
    const { paused, running, stopped } = containers.counts();
    return Object.entries({ paused, running, stopped }).map(([state, value]) => ({ labels: { state }, value }));
  };
  return [
    gauge("engine_daemon_container_states_containers", "The count of containers in various states", states),
    gauge("engine_daemon_engine_cpus_cpus", "The number of cpus that the host system of the engine has", () => [
      { value: host.cpus },
    ]),
    gauge("engine_daemon_engine_info", "The information related to the engine and the OS it is running on", () => [
      { labels, value: 1 },
    ]),
    gauge(
      "engine_daemon_engine_memory_bytes",
      "The number of bytes of memory that the host system of the engine has",
      () => [{ value: host.memory }],
    ),
    gauge("engine_daemon_events_subscribers_total", "The number of current subscribers to events", () => [
      { value: events.subscribers },
    ]),
  ];
}

function ownGauges({ logs, spares }: MetricsSources): Family[] {
  let looking: ReturnType<LogService["totals"]> | undefined;
  // The families are asked at once: they share one look at the disk.
  const totals = () => (looking ??= logs.totals().finally(() => (looking = undefined)));
  const entries = async (): Promise<Sample[]> =>
    [...(await totals())].flatMap(([driver, { delivered, dropped }]) => [
      { labels: { driver, result: "delivered" }, value: delivered },
      { labels: { driver, result: "dropped" }, value: dropped },
    ]);
  const ofEach = (member: "failures" | "waitingBytes") => async (): Promise<Sample[]> =>
    [...(await totals())].map(([driver, totals]) => ({ labels: { driver }, value: totals[member] }));
  return [
    new Gauge(
      "berth_log_entries_total",
      "Log entries that were delivered to a receiver, or given up",
      entries,
      "counter",
    ),
    new Gauge(
      "berth_log_delivery_failures_total",
      "Tries to deliver log entries that failed",
      ofEach("failures"),
      "counter",
    ),
    gauge("berth_log_backlog_bytes", "Log entries that wait for their receiver", ofEach("waitingBytes")),
    gauge("berth_spare_supervisors", "Supervisors that wait for a container", () => [{ value: spares.ready }]),
  ];
}

/** What every client of Prometheus tells of its process (proc_pid_stat(5)). */
function processGauges(): Family[] {
  const startedAt = Date.now() / 1000 - process.uptime();
  const cpuSeconds = (): Sample[] => {
    const { user, system } = process.cpuUsage();
    return [{ value: (user + system) / 1e6 }];
  };
  return [
    new Gauge("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpuSeconds, "counter"),
    gauge("process_max_fds", "Maximum number of open file descriptors.", () => [{ value: limitOf("open files") }]),
    octets("process_network_receive_bytes_total", "Number of bytes received by the process over the network.", "In"),
    octets("process_network_transmit_bytes_total", "Number of bytes sent by the process over the network.", "Out"),
    gauge("process_open_fds", "Number of open file descriptors.", () => [
      { value: readdirSync("/proc/self/fd").length },
    ]),
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", () => [{ value: statusBytes("VmRSS") }]),
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", () => [
      { value: startedAt },
    ]),
    gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", () => [{ value: statusBytes("VmSize") }]),
    gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", () => [
      { value: limitOf("address space") },
    ]),
  ];
}

function gauge(name: string, help: string, read: Family["samples"]): Gauge {
  return new Gauge(name, help, read);
}

function statusBytes(field: string): number {
  const line = new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** A soft limit of proc_pid_limits(5); none is the greatest number, as in C. */
function limitOf(what: string): number {
  const line = new RegExp(`^Max ${what}\\s+(\\w+)`, "m").exec(readFileSync("/proc/self/limits", "utf8"));
  return line?.[1] === "unlimited" ? 2 ** 64 : Number(line?.[1] ?? 0);
}

/** Those of the process's network namespace (proc_pid_net(5)), which is what Prometheus's own clients tell. */
function octets(name: string, help: string, direction: "In" | "Out"): Gauge {
  const read = (): Sample[] => {
    const [names = [], values = []] = readFileSync("/proc/self/net/netstat", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("IpExt:"))
      .map((line) => line.split(" "));
    return [{ value: Number(values[names.indexOf(`${direction}Octets`)] ?? 0) }];
  };
  return new Gauge(name, help, read, "counter");
}
