import { Counter, Histogram, Timers } from "./instruments.ts";
import type { Family } from "./types.ts";

export type ContainerAction = "changes" | "commit" | "create" | "delete" | "start";
export type NetworkAction = "allocate" | "connect" | "release";
export type ImageAction = "pull" | "push";
export type HostInfoFunction = "operating_system" | "os_version" | "system_info";
/** Parts of a container's start, in their order. */
export type StartStep = "prepare" | "supervisor" | "network" | "attach" | "program" | "record";

/** What the engine's parts count and time. Names that begin with `engine_daemon` are Docker's. */
export interface EngineMetrics {
  readonly containerActions: Timers<ContainerAction>;
  readonly networkActions: Timers<NetworkAction>;
  readonly imageActions: Timers<ImageAction>;
  readonly hostInfo: Timers<HostInfoFunction>;
  readonly healthCheckStart: Histogram;
  readonly healthChecks: Counter;
  readonly healthChecksFailed: Counter;
  readonly events: Counter;
  readonly startSteps: Timers<StartStep>;
  readonly loopDelay: Histogram;
}

export function createEngineMetrics(): EngineMetrics {
  return {
    containerActions: new Timers(
      "engine_daemon_container_actions_seconds",
      "The number of seconds it takes to process each container action",
      "action",
      ["changes", "commit", "create", "delete", "start"],
    ),
    networkActions: new Timers(
      "engine_daemon_network_actions_seconds",
      "The number of seconds it takes to process each network action",
      "action",
      [],
    ),
    imageActions: new Timers(
      "engine_daemon_image_actions_seconds",
      "The number of seconds it takes to process each image action",
      "action",
      [],
    ),
    hostInfo: new Timers(
      "engine_daemon_host_info_functions_seconds",
      "The number of seconds it takes to call functions gathering info about the host",
      "function",
      [],
    ),
    healthCheckStart: new Histogram(
      "engine_daemon_health_check_start_duration_seconds",
      "The number of seconds it takes to prepare to run health checks",
    ),
    healthChecks: new Counter("engine_daemon_health_checks_total", "The total number of health checks"),
    healthChecksFailed: new Counter(
      "engine_daemon_health_checks_failed_total",
      "The total number of failed health checks",
    ),
    events: new Counter("engine_daemon_events_total", "The number of events logged"),
    startSteps: new Timers("berth_start_step_seconds", "How long each step of a container's start takes", "step", [
      "prepare",
      "supervisor",
      "network",
      "attach",
      "program",
      "record",
    ]),
    loopDelay: new Histogram(
      "berth_event_loop_delay_seconds",
      "How late the daemon's event loop was, looked at twice a second",
    ),
  };
}

/** The families of all of them, for the text. */
export function familiesOf(metrics: EngineMetrics): Family[] {
  return Object.values(metrics) as Family[]; // each member is one
}
