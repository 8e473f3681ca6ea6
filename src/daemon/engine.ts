import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { createArchiver } from "../archive/index.ts";
import { isReadOnly, type Logger } from "../base/index.ts";
import { CONTAINER_BASE, createContainerService, type ContainerService } from "../container/index.ts";
import { openContentStore } from "../content/index.ts";
import { createEventBus } from "../events/index.ts";
import { createImageService, type ImageUsers } from "../image/index.ts";
import { createLogService, LOG_DRIVERS } from "../logging/index.ts";
import type { EngineMetrics } from "../metrics/index.ts";
import { createNetworkService, NetdProcess, type NetdProgram } from "../network/index.ts";
import { createRegistryClient } from "../registry/index.ts";
import { createRuntime, lookupUser, parseProfile, resolveDefaultProfile, resolveProfile } from "../runtime/index.ts";
import { createResponseReport, createServer, type ResponseObserver } from "../server/index.ts";
import { createRootfsViews, createSnapshotter } from "../snapshot/index.ts";
import { createStore, type Store } from "../store/index.ts";
import { mappedRoot, type IdMappings } from "../spec/index.ts";
import { makeSpreadDirectory, type Native } from "../sys/index.ts";
import { createVolumeService } from "../volume/index.ts";
import { loadDefaultProfile } from "./apparmor.ts";
import { cgroupOptions, containerConfiguration, containerHost, networkConfiguration } from "./configure.ts";
import { unknownRuntime } from "./errors.ts";
import { listenAddress, shownAddress, type ListenSpec } from "./listeners.ts";
import { metricsAddress, startMetrics } from "./metrics.ts";
import type { DaemonConfig } from "./options.ts";
import { reloadAttributes } from "./reload.ts";
import type { Ending } from "./signals.ts";
import { storageStatus } from "./storage-status.ts";
import { createSystemBackend } from "./system-backend.ts";
import { readRemapping } from "./userns-remap.ts";
import { GIT_COMMIT, VERSION } from "./version.ts";

/** A running engine; disposing it closes what it holds and leaves containers running. */
export interface Engine extends AsyncDisposable {
  /**
   * Reads back what runs and removes what was half made. Called once, before the first `listen`.
   * @param options.restarts false: starts nothing by its policy, since all is to be stopped.
   */
  recover(options?: { restarts: boolean }): Promise<void>;
  /** @returns the address, with the port that was chosen for port 0. */
  listen(spec: ListenSpec): Promise<string>;
  /**
   * Takes the options that may change while the daemon runs, and announces it.
   * @throws invalid, with nothing taken, for a default runtime that is not there.
   */
  reload(config: DaemonConfig): Promise<void>;
  /** What the engine knows, for a person who looks for a fault. */
  dump(): Promise<unknown>;
  /** Stops serving; stops the containers too when asked to, or when live-restore is off. */
  shutdown(ending: Ending): Promise<void>;
}

export interface EngineRequest {
  config: DaemonConfig;
  native: Native;
  /** The addon, the shim and the containers' init as files that only root can reach. */
  addonPath: string;
  shimPath: string;
  initPath: string;
  metrics: EngineMetrics;
  logger: Logger;
}

/** Puts the parts together: the only place where they meet. */
export async function createEngine(request: EngineRequest): Promise<Engine> {
  const { native, logger, metrics } = request;
  let config = request.config;
  const root = config["data-root"];
  await using stack = new AsyncDisposableStack();
  await makeSpreadDirectory(native, join(root, "containers"), 0o710);

  const store = stack.use(
    createStore({ path: join(root, "berth.db"), copy: join(config["exec-root"], "state"), logger }),
  );
  const events = stack.use(createEventBus({ store, logger, counter: metrics.events }));
  const archiver = stack.use(createArchiver({ addonPath: request.addonPath }));
  const content = await openContentStore({ root: join(root, "content"), native, logger });
  const snapshotter = stack.use(
    await createSnapshotter({
      root,
      store,
      archiver,
      native,
      driver: storageDriver(config["storage-driver"]),
      base: CONTAINER_BASE,
      logger,
    }),
  );
  await loadDefaultProfile(logger);
  const ids = await remapping(config, logger);
  const { runtime, cgroups, spares } = await createRuntime({
    execRoot: config["exec-root"],
    shimPath: request.shimPath,
    cgroups: cgroupOptions(config),
    runtimes: config["add-runtime"],
    calls: native,
    logger,
    poolSize: config["pool-size"],
    userns: ids === undefined ? undefined : { ids, dataRoot: root, driver: snapshotter.driver },
  });
  stack.use(spares);
  if (!runtime.names.includes(config["default-runtime"])) throw unknownRuntime(config["default-runtime"]);
  const network = networkConfiguration(config);
  const netd = new NetdProcess({ program: netdProgram(request), config: network, logger });
  const networks = stack.use(
    await createNetworkService({ native, store, events, config: network, netd, metrics, logger }),
  );
  const volumes = await createVolumeService({
    root: join(root, "volumes"),
    store,
    events,
    native,
    archiver,
    logger,
    owner: ids === undefined ? undefined : mappedRoot(ids),
  });

  const registry = createRegistryClient({
    get insecure() {
      return config["insecure-registry"];
    },
    get mirrors() {
      return config["registry-mirror"];
    },
  });

  // Images ask who uses them and containers ask for images: the users are known once containers are there.
  let containers: ContainerService | undefined;
  const users: ImageUsers = { usersOf: (id) => containers?.imageUsers.usersOf(id) ?? [] };
  const images = createImageService({
    store,
    content,
    snapshotter,
    archive: archiver,
    events,
    users,
    registry,
    limits: () => ({
      downloads: config["max-concurrent-downloads"],
      uploads: config["max-concurrent-uploads"],
      downloadTries: config["max-download-attempts"],
    }),
    metrics,
    logger,
  });
  const containerOptions = { ...(await containerConfiguration(config, cgroups, request.initPath)), userns: ids };
  const logs = createLogService({ calls: native, logger });
  stack.defer(() => logs.close());
  containers = createContainerService({
    root: join(root, "containers"),
    execRoot: config["exec-root"],
    store,
    events,
    images,
    snapshotter,
    runtime,
    networks,
    volumes,
    logDrivers: LOG_DRIVERS,
    logs,
    archiver,
    calls: native,
    rootfsViews: createRootfsViews({ native }),
    users: { resolve: (rootfs, user, groups) => lookupUser(native, rootfs, user, groups) },
    seccomp: {
      builtin: resolveDefaultProfile,
      parse: (profile, capabilities) => resolveProfile(parseProfile(profile), { capabilities }),
    },
    host: containerHost(cgroups),
    metrics,
    logger,
    config: containerOptions,
  });
  const service = containers;
  networks.useConnections(service.connections);

  const id = engineId(store);
  const system = createSystemBackend({
    id,
    config: () => config,
    containers: service.containers,
    images,
    volumes,
    events,
    metrics,
    storage: { driver: snapshotter.driver, status: storageStatus(snapshotter.driver, root) },
    cgroups,
    userns: ids !== undefined,
    runtimes: () => ({ berth: "berth", ...config["add-runtime"] }),
    logDrivers: [...LOG_DRIVERS.keys()].sort(),
    login: async (auth) => ({
      Status: "Login Succeeded",
      IdentityToken: await registry.login(auth, AbortSignal.timeout(30_000)),
    }),
  });
  const server = createServer({
    backends: {
      containers: service.containers,
      exec: service.execs,
      images,
      volumes,
      networks,
      system,
    },
    version: VERSION,
    logger,
    experimental: config.experimental,
    native,
    ...observer(),
  });
  stack.defer(() => server.close({ graceMs: 0 }));
  const measured = metricsAddress(config["metrics-addr"]);
  if (measured !== undefined) {
    const sources = { metrics, engineId: id, storageDriver: snapshotter.driver, containers, events, logs, spares };
    stack.use(await startMetrics(measured, sources, logger));
  }
  const owned = stack.move();

  return {
    async recover(options) {
      if (isReadOnly(root)) {
        logger.warn("the data root is read-only: what is there can be read, stopped and removed", { root });
      } else {
        await snapshotter.sweep();
        await images.sweep();
      }
      await service.recover(options);
    },
    async listen(spec) {
      const { port } = await server.listen(await listenAddress(spec));
      return shownAddress(spec, port);
    },
    async reload(next) {
      const names = [...runtime.builtIn, ...Object.keys(next["add-runtime"])];
      if (!names.includes(next["default-runtime"])) throw unknownRuntime(next["default-runtime"]);
      const options = await containerConfiguration(next, cgroups, request.initPath);
      config = next;
      // The container layer reads its options at each use.
      Object.assign(containerOptions, options);
      runtime.usePrograms(next["add-runtime"]);
      events.publish({
        type: "daemon",
        action: "reload",
        id,
        attributes: { name: hostname(), ...reloadAttributes(next) },
      });
    },
    async dump() {
      return {
        version: VERSION,
        time: new Date().toISOString(),
        info: await system.info(),
        connections: server.connections,
        unknownFields: Object.fromEntries(server.unknownFields),
        memory: process.memoryUsage(),
        logs: logs.counts(),
        containers: await service.containers.list({ all: true, limit: undefined, size: false, filters: new Map() }),
      };
    },
    async shutdown(ending) {
      await server.close({ graceMs: 2000 });
      if (ending === "with-containers" || !config["live-restore"]) await service.stopAll(config["shutdown-timeout"]);
      await logs.close();
      await service.shutdown();
      // Before the host goes down, or the package does: nothing is left to find. The next start makes it all again.
      if (ending === "with-containers") await networks.uninstall();
      runtime.disconnect();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** This executable, as `berth netd`. */
function netdProgram({ config, addonPath }: EngineRequest): NetdProgram {
  const main = process.argv[1] ?? "";
  // A compiled executable has its scripts within it.
  const args = main.startsWith("/$bunfs/") ? ["netd"] : [main, "netd"];
  const version = `${VERSION} ${GIT_COMMIT}`;
  return { command: process.execPath, args, socket: join(config["exec-root"], "netd.sock"), addon: addonPath, version };
}

/** `--userns-remap`. For tests `BERTH_SUBID_FOLDER` names a folder in place of /etc. */
async function remapping(config: DaemonConfig, logger: Logger): Promise<IdMappings | undefined> {
  const text = config["userns-remap"];
  if (text === "") return undefined;
  const ids = await readRemapping(text, process.env["BERTH_SUBID_FOLDER"]);
  if (ids === undefined) logger.warn("root cannot be mapped to itself: containers have the host's users");
  return ids;
}

function storageDriver(name: string): "overlay2" | "vfs" | undefined {
  return name === "overlay2" || name === "vfs" ? name : undefined;
}

/** For tests: `BERTH_API_SCHEMA` and `BERTH_API_REPORT` name the API's document and where problems are written. */
function observer(): { responseObserver?: ResponseObserver } {
  const { BERTH_API_SCHEMA: schemaFile, BERTH_API_REPORT: reportFile } = process.env;
  if (schemaFile === undefined || reportFile === undefined) return {};
  return { responseObserver: createResponseReport({ schemaFile, reportFile }) };
}

/** The engine's own id, made on the first start of a data root. */
function engineId(store: Store): string {
  store.migrate("daemon", ["CREATE TABLE engine (id TEXT NOT NULL)"]);
  const row = store.prepare("SELECT id FROM engine").get();
  if (typeof row?.["id"] === "string") return row["id"];
  const id = randomUUID();
  store.transaction(() => store.prepare("INSERT INTO engine (id) VALUES (?)").run(id));
  return id;
}
