import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asEngineError, conflict, crashPoint, errnoOf, invalid, type EngineError } from "../../base/index.ts";
import { LaunchError, type Task } from "../../runtime/index.ts";
import type { AttachedNetworking } from "../../network/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import { mappedRoot, type RuntimeSpec } from "../../spec/index.ts";
import { hasInterfaces, networkingOf, networkTask } from "../create/endpoints.ts";
import { namespaceMode, networkMode } from "../create/modes.ts";
import type { ContainerEntry } from "../entry.ts";
import { joiningNetworkFailed, networkingFailed } from "../errors.ts";
import { fillFiles, filesIn, prepareFiles } from "../hosts-files.ts";
import { bridgeAddresses, linkEnv } from "../links.ts";
import { logOf } from "../logging.ts";
import { checkNameservers, checkPropagation } from "./start-checks.ts";
import type { ContainerRecord } from "../record.ts";
import type { ContainerRegistry } from "../registry.ts";
import { compileSpec } from "../spec/compile.ts";
import { resolveDeviceNumbers, resolveDevices } from "../spec/devices.ts";
import { imageLayers } from "../spec/image-layers.ts";
import type { ContainerFiles } from "../spec/mounts.ts";
import type { NamespacePaths } from "../spec/namespaces.ts";
import { statusWord } from "../state.ts";
import { idMappings, validateUserNamespace } from "../user-namespace.ts";
import type { ContainerDependencies } from "../types.ts";

/** Makes a task out of a container: everything between `start` and the program running. */
export class StartPlan {
  readonly #needs: ContainerDependencies;
  readonly #registry: ContainerRegistry;

  constructor(registry: ContainerRegistry, needs: ContainerDependencies) {
    this.#registry = registry;
    this.#needs = needs;
  }

  /**
   * Files, task, network, attached clients, program: all of it, or nothing is left.
   * @param recorded runs once the program runs; when it throws, the start is undone like any other step.
   */
  async run(entry: ContainerEntry, recorded: (task: Task) => void): Promise<Task> {
    const { runtime, networks, calls } = this.#needs;
    const steps = this.#needs.metrics.startSteps.sequence();
    await using undo = new AsyncDisposableStack();
    const others = this.#others(entry.record);
    const record = named(entry.record, others.named);
    await makeBindSources(record);
    const own = filesIn(join(this.#needs.root, record.id));
    // It may have been made before users were remapped.
    validateUserNamespace(record.hostConfig, this.#needs.config);
    const ids = idMappings(record.hostConfig, this.#needs.config);
    // A container that goes with its exit goes with the machine, too, before anybody could see what it had written.
    const volatile = record.hostConfig.AutoRemove === true;
    const rootfs = await this.#needs.snapshotter.mounts(record.id, { volatile });
    const networked = hasInterfaces(record);
    const factsOf = (attached: AttachedNetworking | undefined) => ({ attached, hostGateways: networks.hostGateways() });
    // What is written now need not be waited for later.
    const facts = networked ? undefined : factsOf(undefined);
    const [spec] = await Promise.all([
      this.#spec(record, rootfs, others, own),
      others.files === undefined
        ? prepareFiles(calls, own, record, { owner: ids === undefined ? undefined : mappedRoot(ids), facts })
        : undefined,
    ]);
    crashPoint("start:files");
    steps.done("prepare");
    const task = await runtime.create(
      {
        id: record.id,
        spec,
        rootfs,
        runtime: record.hostConfig.Runtime ?? undefined,
        stdin: { open: record.config.OpenStdin === true, once: record.config.StdinOnce === true },
        log: this.#logFile(record),
      },
      new AbortController().signal,
    );
    undo.defer(() => task.release());
    crashPoint("start:task");
    steps.done("supervisor");
    // Clients are joined while the network is made.
    const joined = entry.pending.bind(task);
    const joins = Object.keys(record.endpoints).length > 0;
    if (joins) undo.defer(() => networks.detach(record.id));
    const attached = joins ? await whenBothEnd(this.#attach(record, task), joined) : undefined;
    crashPoint("start:network");
    if (joins) steps.done("network");
    if (networked && others.files === undefined) await fillFiles(calls, own, record, factsOf(attached));
    crashPoint("start:hosts");
    await joined;
    crashPoint("start:attached");
    steps.done("attach");
    await task.start();
    crashPoint("start:program");
    steps.done("program");
    recorded(task);
    crashPoint("start:recorded");
    steps.done("record");
    undo.move();
    return task;
  }

  async #attach(record: ContainerRecord, task: Task): Promise<AttachedNetworking> {
    try {
      return await this.#needs.networks.attach(networkingOf(record), networkTask(task));
    } catch (error) {
      throw networkingFailed(asEngineError(error));
    }
  }

  async #spec(record: ContainerRecord, rootfs: RootfsMount, others: Others, own: ContainerFiles): Promise<RuntimeSpec> {
    const { config, host, networks, seccomp, users } = this.#needs;
    const addressOf = bridgeAddresses(networks);
    const linked = linkEnv(record, { registry: this.#registry, addressOf, missing: "refuse" });
    checkNameservers(record.hostConfig.Dns ?? []);
    await checkPropagation(record.mounts, dirname(this.#needs.root));
    const [devices, deviceNumbers, imageMounts] = await Promise.all([
      resolveDevices(record.hostConfig),
      resolveDeviceNumbers(record.hostConfig),
      this.#imageMounts(record),
    ]);
    const user = users.resolve(rootfs, record.config.User ?? "", record.hostConfig.GroupAdd ?? []);
    const files = others.files ?? own;
    return compileSpec(record, {
      config,
      host,
      seccomp,
      user,
      files,
      paths: others.paths,
      devices,
      deviceNumbers,
      imageMounts,
      linked,
    });
  }

  /** What of images is mounted where. @throws not-found for a subpath that its image has not. */
  async #imageMounts(record: ContainerRecord): Promise<Map<string, readonly [string, ...string[]]>> {
    const found = new Map<string, readonly [string, ...string[]]>();
    for (const mount of record.mounts) {
      if (mount.type !== "image") continue;
      const image = await this.#needs.images.get(mount.imageId);
      if (image?.topChainId === undefined) throw invalid(`image of mount ${mount.target} is gone: ${mount.name}`);
      const { calls, snapshotter } = this.#needs;
      found.set(mount.target, await imageLayers(calls, await snapshotter.mounts(image.topChainId), mount.subpath));
    }
    return found;
  }

  #logFile(record: ContainerRecord) {
    const { driver, source, plan } = logOf(record, this.#needs);
    driver.check();
    return plan && { ...plan, attributes: driver.attributes(source) };
  }

  /** The containers whose namespaces are joined. @throws conflict when one does not run. */
  #others(record: ContainerRecord): Others {
    const { hostConfig: host } = record;
    const paths: NamespacePaths = {};
    let files: ContainerFiles | undefined;
    let named: ContainerRecord | undefined;
    const network = networkMode(host.NetworkMode);
    if (network.kind === "container") {
      const other = this.#networked(network.ref);
      paths.network = other.task.namespacePath("net");
      this.#joinUser(paths, other);
      files = filesIn(join(this.#needs.root, other.entry.id));
      named = other.entry.record;
    }
    const pid = namespaceMode(host.PidMode);
    if (pid.kind === "container") {
      const other = this.#running(pid.ref, "PID");
      paths.pid = other.task.namespacePath("pid");
      this.#joinUser(paths, other);
    }
    const ipc = namespaceMode(host.IpcMode);
    if (ipc.kind === "container") {
      const other = this.#running(ipc.ref, "IPC");
      const { IpcMode } = other.entry.record.hostConfig;
      if (IpcMode !== "shareable" && IpcMode !== "host") {
        throw invalid(
          `failed to join IPC namespace: container ${ipc.ref}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
        );
      }
      paths.ipc = other.task.namespacePath("ipc");
      this.#joinUser(paths, other);
      paths.shm = `/proc/${other.task.pid}/root/dev/shm`;
    }
    return { paths, files, named };
  }

  /** A namespace can only be used from the user namespace that it belongs to. */
  #joinUser(paths: NamespacePaths, { entry, task }: { entry: ContainerEntry; task: Task }): void {
    if (idMappings(entry.record.hostConfig, this.#needs.config) !== undefined) paths.user = task.namespacePath("user");
  }

  #networked(ref: string): { entry: ContainerEntry; task: Task } {
    let entry: ContainerEntry;
    try {
      entry = this.#registry.resolve(ref);
    } catch (error) {
      throw joiningNetworkFailed(asEngineError(error));
    }
    const { run, state } = entry;
    if (run !== undefined && state.phase.kind === "running") return { entry, task: run.task };
    throw conflict(
      `cannot join network namespace of a non running container: container ${entry.name} is ${statusWord(state)}`,
    );
  }

  #running(ref: string, kind: string): { entry: ContainerEntry; task: Task } {
    const entry = this.#registry.resolve(ref);
    if (entry.state.phase.kind !== "running" || entry.run === undefined) {
      throw conflict(`failed to join ${kind} namespace: container ${entry.id} is not running`);
    }
    return { entry, task: entry.run.task };
  }
}

interface Others {
  paths: NamespacePaths;
  files: ContainerFiles | undefined;
  /** The container whose name in its network this one shares. */
  named: ContainerRecord | undefined;
}

/** A container in another's network has its host name too. */
function named(record: ContainerRecord, other: ContainerRecord | undefined): ContainerRecord {
  if (other === undefined) return record;
  const { Hostname, Domainname } = other.config;
  return { ...record, config: { ...record.config, Hostname: Hostname ?? "", Domainname: Domainname ?? "" } };
}

/** The first's result; the other one has ended by then, too, however it did. */
async function whenBothEnd<T>(first: Promise<T>, other: Promise<void>): Promise<T> {
  const [result] = await Promise.allSettled([first, other]);
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

async function makeBindSources(record: ContainerRecord): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.type !== "bind" || !mount.createSource) continue;
    try {
      await mkdir(mount.source, { recursive: true });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw asEngineError(error);
    }
  }
}

/**
 * What a failed start leaves in inspect: 126 and 127 are the command's own; all else is 128, and no news to a container
 * that has failed before.
 */
export function startFailure(error: unknown, before: number): { error: EngineError; exitCode: number } {
  const engine = asEngineError(error);
  const own = engine instanceof LaunchError && engine.exitCode !== 125 ? engine.exitCode : undefined;
  return { error: engine, exitCode: own ?? (before || 128) };
}
