import { join } from "node:path";
import type {
  AttachQuery,
  CallContext,
  ContainerCreateBody,
  ContainerListQuery,
  ContainersBackend,
  ContainerUpdateBody,
  Filters,
  LogsQuery,
  WaitCondition,
  WaitResult,
} from "../api/index.ts";
import { KeyedLock, asEngineError, isKind, messageOf } from "../base/index.ts";
import { announce } from "./announce.ts";
import { attachTo } from "./attach/attach.ts";
import { systemClock } from "./clock.ts";
import { ContainerCreation } from "./create/create.ts";
import type { ContainerEntry } from "./entry.ts";
import { JustEnded, killFailed, notRunning, ownNameStays, restartFailed, stopFailed } from "./errors.ts";
import { ExecService } from "./exec/exec-service.ts";
import { getPath, putPath, statPath } from "./files/archive.ts";
import { changesOf } from "./files/changes.ts";
import { commit, type CommitOptions } from "./files/commit.ts";
import { exportRootfs } from "./files/export.ts";
import { HealthMonitors } from "./health/monitors.ts";
import { restartsOnUnhealthy } from "./health/unhealthy.ts";
import { imageUsersOf } from "./image-users.ts";
import { pause, unpause } from "./lifecycle/pause.ts";
import { isTaken, PruneGate, pruneTest } from "./lifecycle/prune.ts";
import { Recovery } from "./lifecycle/recover.ts";
import { RemovalNotes } from "./lifecycle/removal-notes.ts";
import { Removal } from "./lifecycle/remove.ts";
import { rename } from "./lifecycle/rename.ts";
import { RestartTimers } from "./lifecycle/restart-timers.ts";
import { Runs } from "./lifecycle/runs.ts";
import { StartPlan } from "./lifecycle/start-plan.ts";
import { Stopping } from "./lifecycle/stop.ts";
import { update } from "./lifecycle/update.ts";
import { followLinks } from "./linked-hosts.ts";
import { bridgeAddresses, linkEnv, withoutLink } from "./links.ts";
import { attendLog } from "./logging.ts";
import { networkConnections } from "./network-connections.ts";
import { inspectContainer } from "./query/inspect.ts";
import { ContainerList } from "./query/list.ts";
import { readLogs } from "./query/logs.ts";
import { attachedOf, endpointsOf } from "./query/networks.ts";
import { statsOf } from "./query/stats.ts";
import { top } from "./query/top.ts";
import type { ContainerRecord } from "./record.ts";
import { ContainerRegistry } from "./registry.ts";
import { isUp, statusWord } from "./state.ts";
import type { Clock, ContainerDependencies, ContainerService } from "./types.ts";

/** The container layer over the parts that it needs. `recover` is called before anything is served. */
export function createContainerService(needs: ContainerDependencies): ContainerService {
  const clock = needs.clock ?? systemClock;
  const { logger } = needs;
  const notes = new RemovalNotes(join(needs.execRoot, "removed"), logger);
  const registry = new ContainerRegistry(needs.store, logger, notes);
  const lock = new KeyedLock();
  const timers = new RestartTimers(clock, logger);
  const addressOf = bridgeAddresses(needs.networks);
  const linked = {
    ...needs,
    linkedEnv: (record: ContainerRecord) => linkEnv(record, { registry, addressOf, missing: "skip" }),
  };
  const execs = new ExecService(registry, linked, clock, logger);
  const stopping = new Stopping({ registry, needs, lock, timers });
  const health = new HealthMonitors({
    needs: linked,
    clock,
    logger,
    unhealthy: (entry) => {
      if (!restartsOnUnhealthy(entry.record.config, entry.record.hostConfig)) return;
      stopping
        .giveUp(entry)
        .catch((error: unknown) =>
          logger.error("an unhealthy container was not ended", { container: entry.id, error: messageOf(error) }),
        );
    },
  });
  const forget = (entry: ContainerEntry) => {
    health.stop(entry);
    execs.forget(entry);
  };
  const removal = new Removal({ registry, notes, needs, lock, timers, logger, forget });
  const hooks = {
    started: (entry: ContainerEntry) => {
      attendLog(entry, needs);
      health.start(entry);
      followLinks(entry, { registry, needs, lock, logger });
    },
    exited: (entry: ContainerEntry) => health.stop(entry),
    remove: (entry: ContainerEntry) =>
      needs.metrics.containerActions.time("delete", () => removal.withExit(entry, true)),
  };
  const plan = new StartPlan(registry, needs);
  const runs = new Runs({ plan, registry, needs, lock, timers, clock, logger, hooks });
  const recovery = new Recovery({ registry, needs, runs, removal, lock, clock, logger });
  const containers = new Containers({ needs, registry, lock, runs, stopping, removal, clock });
  return {
    containers,
    execs,
    imageUsers: imageUsersOf(registry),
    connections: networkConnections(needs.root, registry, needs.networks, lock),
    endpointsOf: (id) => {
      const entry = registry.get(id);
      return entry && endpointsOf(entry, attachedOf(entry, needs.networks), needs.networks);
    },
    counts: () => countStates(registry),
    recover: async ({ restarts } = { restarts: true }) => {
      if (!restarts) timers.close();
      await recovery.run();
      // What stopped containers logged may still wait for its receiver.
      for (const entry of registry.all()) {
        if (entry.run === undefined && entry.state.startedAt !== "") attendLog(entry, needs);
      }
    },
    stopAll: async (timeout) => {
      timers.close();
      const running = registry.all().filter((entry) => entry.run !== undefined);
      const results = await Promise.allSettled(running.map((entry) => stopping.leave(entry, timeout)));
      for (const result of results) {
        if (result.status === "rejected")
          logger.error("a container was not stopped", { error: messageOf(result.reason) });
      }
    },
    shutdown: async () => {
      recovery.close();
      runs.close();
      timers.close();
      health.close();
      await removal.settle();
    },
  };
}

function countStates(registry: ContainerRegistry): ReturnType<ContainerService["counts"]> {
  const words = registry.all().map((entry) => statusWord(entry.state));
  const running = words.filter((word) => word === "running" || word === "restarting").length;
  const paused = words.filter((word) => word === "paused").length;
  return { total: words.length, running, paused, stopped: words.length - running - paused };
}

interface Parts {
  needs: ContainerDependencies;
  registry: ContainerRegistry;
  lock: KeyedLock;
  runs: Runs;
  stopping: Stopping;
  removal: Removal;
  clock: Clock;
}

/** The API's verbs: each resolves its container and hands it to the part that does the work. */
class Containers implements ContainersBackend {
  readonly #parts: Parts;
  readonly #creation: ContainerCreation;
  readonly #list: ContainerList;
  readonly #prune = new PruneGate();

  constructor(parts: Parts) {
    const { registry, needs, clock } = parts;
    this.#parts = parts;
    this.#creation = new ContainerCreation(registry, needs);
    this.#list = new ContainerList(registry, needs, clock);
  }

  list(query: ContainerListQuery) {
    return this.#list.list(query);
  }

  create(request: { name: string | undefined; platform: string | undefined; body: ContainerCreateBody }) {
    return this.#timed("create", () => this.#creation.create(request));
  }

  async inspect(ref: string, options: { size: boolean }) {
    return await inspectContainer(this.#entry(ref), this.#parts.needs, options);
  }

  async start(ref: string) {
    await this.#locked(ref, (entry) => this.#parts.runs.start(entry));
  }

  async stop(ref: string, options: { signal: string | undefined; timeout: number | undefined }) {
    const entry = this.#entry(ref);
    try {
      await this.#parts.stopping.stop(entry, options);
    } catch (error) {
      throw stopFailed(ref, asEngineError(error));
    }
  }

  async restart(ref: string, options: { signal: string | undefined; timeout: number | undefined }) {
    const entry = this.#entry(ref);
    entry.kept = true;
    try {
      await this.#parts.stopping.stop(entry, options).catch((error: unknown) => {
        if (!isKind(error, "not-modified")) throw restartFailed(ref, asEngineError(error));
      });
      await this.#parts.lock.run(entry.id, () => this.#parts.runs.start(entry));
    } finally {
      entry.kept = false;
    }
    this.#announce(entry, "restart");
  }

  async kill(ref: string, signal: string | undefined) {
    try {
      await this.#parts.stopping.kill(this.#entry(ref), signal);
    } catch (error) {
      throw killFailed(ref, asEngineError(error));
    }
  }

  async pause(ref: string) {
    await this.#locked(ref, (entry) => pause(entry, this.#parts.registry, this.#parts.needs.events));
  }

  async unpause(ref: string) {
    await this.#locked(ref, (entry) => unpause(entry, this.#parts.registry, this.#parts.needs.events));
  }

  async rename(ref: string, newName: string) {
    await this.#locked(ref, async (entry) => {
      rename(entry, newName, this.#parts.registry, this.#parts.needs.events);
      this.#parts.needs.networks.rename(entry.id, entry.name);
    });
  }

  async update(ref: string, body: ContainerUpdateBody) {
    return await this.#locked(ref, (entry) => update(entry, body, this.#parts.registry, this.#parts.needs));
  }

  async resize(ref: string, size: { height: number; width: number }) {
    const entry = this.#entry(ref);
    if (entry.state.phase.kind !== "running" || entry.run === undefined) throw notRunning(entry.id);
    // Without a terminal there is nothing to resize, which is no mistake in Docker.
    if (entry.record.config.Tty === true) await entry.run.task.resize(size);
    this.#announce(entry, "resize", { height: String(size.height), width: String(size.width) });
  }

  async remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }) {
    if (options.link) return await this.#removeLink(ref);
    const { removal, stopping } = this.#parts;
    const entry = this.#entry(ref);
    await this.#timed("delete", () => removal.remove(entry, { ...options, name: ref.replace(/^\//, "") }, stopping));
  }

  /** The other container keeps running, without the name. */
  async #removeLink(ref: string): Promise<void> {
    const { registry, lock } = this.#parts;
    const [holder = "", alias] = ref.replace(/^\//, "").split("/");
    registry.resolve(ref);
    if (alias === undefined) throw ownNameStays();
    const entry = registry.resolve(holder);
    await lock.run(entry.id, async () => registry.saveRecord(entry, withoutLink(entry.record, alias)));
  }

  async prune(filters: Filters) {
    const { registry, needs, removal, stopping, clock } = this.#parts;
    const test = pruneTest(filters, clock.now());
    return await this.#prune.run(async () => {
      const ContainersDeleted: string[] = [];
      let SpaceReclaimed = 0;
      for (const entry of registry.all().filter(test)) {
        const { bytes } = await needs.snapshotter.usage(entry.id).catch(() => ({ bytes: 0 })); // gone meanwhile
        try {
          const options = { force: false, volumes: false, name: entry.id };
          await this.#timed("delete", () => removal.remove(entry, options, stopping));
        } catch (error) {
          if (isTaken(error)) continue;
          throw error;
        }
        SpaceReclaimed += bytes;
        ContainersDeleted.push(entry.id);
      }
      needs.events.publish({
        type: "container",
        action: "prune",
        id: "",
        attributes: { reclaimed: String(SpaceReclaimed) },
      });
      return { ContainersDeleted, SpaceReclaimed };
    });
  }

  async wait(ref: string, condition: WaitCondition, call: CallContext): Promise<{ result: Promise<WaitResult> }> {
    const entry = this.#entry(ref);
    if (condition === "removed") return { result: entry.removal(call.signal) };
    if (condition === "not-running" && !isUp(entry.state)) return { result: Promise.resolve(entry.result()) };
    return { result: entry.nextExit(call.signal) };
  }

  async attach(ref: string, query: AttachQuery, call: CallContext) {
    const { events } = this.#parts.needs;
    const replay = (entry: ContainerEntry, { stdout, stderr }: AttachQuery) =>
      readLogs(entry, { ...EVERYTHING, stdout, stderr }, call, this.#parts.needs);
    // Under the lock: between joining those who wait for a start and the start itself, nobody may come to wait.
    return await this.#locked(ref, (entry) => attachTo(entry, ref, query, call, { events, replay }));
  }

  async logs(ref: string, query: LogsQuery, call: CallContext) {
    return await readLogs(this.#entry(ref), query, call, this.#parts.needs);
  }

  async top(ref: string, psArgs: string | undefined) {
    const entry = this.#entry(ref);
    const processes = await top(entry, psArgs);
    this.#announce(entry, "top");
    return processes;
  }

  async stats(ref: string, options: { stream: boolean; oneShot: boolean }, call: CallContext) {
    return statsOf(this.#entry(ref), options, call, this.#parts.needs);
  }

  async changes(ref: string) {
    const entry = this.#entry(ref);
    return await this.#timed("changes", () => changesOf(entry, this.#parts.needs.snapshotter));
  }

  async export(ref: string, call: CallContext) {
    const entry = this.#entry(ref);
    const body = await exportRootfs(entry, call, this.#parts.needs);
    this.#announce(entry, "export");
    return body;
  }

  async archiveStat(ref: string, path: string) {
    const entry = this.#entry(ref);
    return await onceEnded(entry, () => statPath(entry, ref, path, this.#parts.needs));
  }

  async archiveGet(ref: string, path: string, call: CallContext) {
    const entry = this.#entry(ref);
    const answer = await onceEnded(entry, () => getPath(entry, ref, path, call, this.#parts.needs));
    this.#announce(entry, "archive-path");
    return answer;
  }

  async archivePut(
    ref: string,
    path: string,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    body: AsyncIterable<Uint8Array>,
    call: CallContext,
  ) {
    const entry = this.#entry(ref);
    const put = new AbortController();
    entry.puts.add(put);
    try {
      await this.#put(entry, ref, path, options, body, AbortSignal.any([call.signal, put.signal]));
    } catch (error) {
      throw put.signal.aborted ? put.signal.reason : error;
    } finally {
      entry.puts.delete(put);
    }
    this.#announce(entry, "extract-to-dir");
  }

  async #put(
    entry: ContainerEntry,
    ref: string,
    path: string,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await onceEnded(entry, async () => {
      const { done } = await this.#locked(ref, async (found) => {
        signal.throwIfAborted();
        const work = putPath(found, ref, path, options, body, signal, this.#parts.needs);
        // What does not run waits for its files: a start would mount the root file system a second time meanwhile.
        if (found.state.phase.kind !== "running") await work;
        return { done: work };
      });
      await done;
    });
  }

  async commit(ref: string, options: CommitOptions, call: CallContext) {
    const entry = this.#entry(ref);
    return await this.#timed("commit", () => commit(entry, options, call.signal, this.#parts.needs));
  }

  #timed<T>(action: "changes" | "commit" | "create" | "delete", work: () => Promise<T>): Promise<T> {
    return this.#parts.needs.metrics.containerActions.time(action, work);
  }

  #entry(ref: string): ContainerEntry {
    return this.#parts.registry.resolve(ref);
  }

  async #locked<T>(ref: string, work: (entry: ContainerEntry) => Promise<T>): Promise<T> {
    const { registry, lock } = this.#parts;
    const { id } = registry.resolve(ref);
    // Resolved again under the lock: it may have been removed while this call waited.
    return await lock.run(id, () => work(registry.resolve(registry.get(id) === undefined ? ref : id)));
  }

  #announce(entry: ContainerEntry, action: string, attributes: Record<string, string> = {}): void {
    announce(this.#parts.needs.events, entry.record, action, attributes);
  }
}

/** Does again what came upon a process that had ended just now, once its exit is dealt with. */
async function onceEnded<T>(entry: ContainerEntry, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const { run } = entry;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof JustEnded)) throw error;
      await run?.settled;
      // The next daemon deals with it, or it is not known yet what runs.
      if (entry.run === run) throw error;
    }
  }
}

const EVERYTHING: LogsQuery = {
  follow: false,
  stdout: true,
  stderr: true,
  since: undefined,
  until: undefined,
  timestamps: false,
  details: false,
  tail: "all",
};
