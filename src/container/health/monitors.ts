import { formatNanos, messageOf, randomId, type Logger } from "../../base/index.ts";
import type { Task } from "../../runtime/index.ts";
import { announce, announceExec } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { execProcess, type LinkedEnv } from "../exec/process.ts";
import type { Clock, ContainerDependencies } from "../types.ts";
import { healthPlan, judge, type HealthPlan } from "./check.ts";

const KEPT_RESULTS = 5;
const KEPT_OUTPUT = 4096;
const DEFAULT_SHELL = ["/bin/sh", "-c"];

type Needs = Pick<ContainerDependencies, "events" | "config" | "host" | "users" | "metrics"> & LinkedEnv;

/** Probes of the containers that have a health check, while they run. */
export class HealthMonitors {
  readonly #needs: Needs;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #unhealthy: (entry: ContainerEntry) => void;
  readonly #running = new Map<string, Monitor>();

  /** `unhealthy`: a container that runs was found to be so just now. */
  constructor(parts: { needs: Needs; clock: Clock; logger: Logger; unhealthy: (entry: ContainerEntry) => void }) {
    this.#needs = parts.needs;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#unhealthy = parts.unhealthy;
  }

  /** A run has begun or was found again: its health is unknown. */
  start(entry: ContainerEntry): void {
    this.stop(entry);
    const plan = healthPlan(entry.record.config.Healthcheck);
    if (plan === undefined || entry.run === undefined) {
      entry.health = undefined;
      return;
    }
    entry.health = { status: "starting", failingStreak: 0, log: [] };
    const monitor = new Monitor(entry, entry.run.task, plan, {
      needs: this.#needs,
      clock: this.#clock,
      logger: this.#logger,
      unhealthy: this.#unhealthy,
    });
    this.#running.set(entry.id, monitor);
    monitor.begin();
  }

  /** The run is over: what was found stays for inspect, but nothing that runs not is well. */
  stop(entry: ContainerEntry): void {
    this.#running.get(entry.id)?.end();
    this.#running.delete(entry.id);
    if (entry.health !== undefined) entry.health = { ...entry.health, status: "unhealthy" };
  }

  close(): void {
    for (const monitor of this.#running.values()) monitor.end();
    this.#running.clear();
  }
}

interface MonitorParts {
  needs: Needs;
  clock: Clock;
  logger: Logger;
  unhealthy: (entry: ContainerEntry) => void;
}

class Monitor {
  readonly #entry: ContainerEntry;
  readonly #task: Task;
  readonly #plan: HealthPlan;
  readonly #parts: MonitorParts;
  readonly #startedAt: bigint;
  #ended = false;
  #timer: Disposable | undefined;

  constructor(entry: ContainerEntry, task: Task, plan: HealthPlan, parts: MonitorParts) {
    this.#entry = entry;
    this.#task = task;
    this.#plan = plan;
    this.#parts = parts;
    this.#startedAt = BigInt(entry.state.startedAt || "0");
  }

  begin(): void {
    this.#schedule();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.[Symbol.dispose]();
  }

  #withinStart(): boolean {
    return Number((this.#parts.clock.now() - this.#startedAt) / 1_000_000n) < this.#plan.startPeriod;
  }

  #schedule(): void {
    const early = this.#entry.health?.status === "starting" && this.#withinStart();
    const delay = early ? this.#plan.startInterval : this.#plan.interval;
    this.#timer = this.#parts.clock.after(delay, () => {
      this.#probe()
        .catch((error: unknown) =>
          this.#parts.logger.warn("a health check failed to run", {
            container: this.#entry.id,
            error: messageOf(error),
          }),
        )
        .finally(() => {
          if (!this.#ended) this.#schedule();
        });
    });
  }

  async #probe(): Promise<void> {
    const { phase } = this.#entry.state;
    if (phase.kind !== "running" || phase.paused) return;
    const start = this.#parts.clock.now();
    const withinStart = this.#withinStart();
    const { metrics } = this.#parts.needs;
    const { exitCode, output } = await this.#run();
    metrics.healthChecks.add();
    if (exitCode !== 0) metrics.healthChecksFailed.add();
    if (this.#ended) return;
    this.#record({ exitCode, output, start, withinStart });
  }

  #record(probe: { exitCode: number; output: string; start: bigint; withinStart: boolean }): void {
    const before = this.#entry.health ?? { status: "starting" as const, failingStreak: 0, log: [] };
    const verdict = judge(before, probe, this.#plan.retries);
    const result = {
      Start: formatNanos(probe.start),
      End: formatNanos(this.#parts.clock.now()),
      ExitCode: probe.exitCode,
      Output: probe.output,
    };
    this.#entry.health = { ...verdict, log: [...before.log, result].slice(-KEPT_RESULTS) };
    if (verdict.status === before.status) return;
    announce(this.#parts.needs.events, this.#entry.record, `health_status: ${verdict.status}`);
    if (verdict.status === "unhealthy") this.#parts.unhealthy(this.#entry);
  }

  /** Runs the command in the container; over its time it counts as failed and is killed with SIGKILL. */
  async #run(): Promise<{ exitCode: number; output: string }> {
    const { record } = this.#entry;
    const { events } = this.#parts.needs;
    const begun = performance.now();
    const command = this.#arguments();
    const execId = randomId();
    announceExec(events, record, execId, { what: "exec_create", command });
    const process = execProcess(
      record,
      { Cmd: command },
      { tty: false, consoleSize: undefined, pid: this.#task.pid },
      this.#parts.needs,
    );
    announceExec(events, record, execId, { what: "exec_start", command });
    const exec = await this.#task.exec({
      execId,
      process,
      privileged: false,
      stdin: false,
      stdout: true,
      stderr: true,
      detachKeys: new Uint8Array(),
    });
    this.#parts.needs.metrics.healthCheckStart.observe((performance.now() - begun) / 1000);
    exec.exited.then(
      (exitCode) => announceExec(events, record, execId, { what: "exec_die", exitCode }),
      () => undefined, // awaited below
    );
    const late = Promise.withResolvers<"late">();
    using _timer = this.#parts.clock.after(this.#plan.timeout, () => late.resolve("late"));
    const output = collect(exec.stdio?.output);
    const code = await Promise.race([exec.exited, late.promise]);
    if (code !== "late") return { exitCode: code, output: await output };
    killProcess(exec.pid);
    await exec.stdio?.[Symbol.asyncDispose]();
    return { exitCode: -1, output: `Health check exceeded timeout (${durationText(this.#plan.timeout)})` };
  }

  #arguments(): string[] {
    const { command } = this.#plan;
    if (command.kind === "args") return command.args;
    const shell = this.#entry.record.config.Shell;
    return [...(shell?.length ? shell : DEFAULT_SHELL), command.line];
  }
}

async function collect(output: AsyncIterable<{ data: Uint8Array }> | undefined): Promise<string> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const { data } of output ?? []) {
    if (size >= KEPT_OUTPUT) continue;
    kept.push(data.subarray(0, KEPT_OUTPUT - size));
    size += data.length;
  }
  return Buffer.concat(kept).toString("utf8") + (size > KEPT_OUTPUT ? "..." : "");
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself just now.
  }
}

/** As Go prints a duration: `30s`, `1m30s`, `500ms`. */
function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const minutes = Math.floor(milliseconds / 60_000);
  const seconds = (milliseconds % 60_000) / 1000;
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`;
}
