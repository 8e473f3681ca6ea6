import { join } from "node:path";
import type {
  EndpointSettings,
  NetworkConnectRequest,
  NetworkDisconnectRequest,
  NetworksBackend,
} from "../api/index.ts";
import { conflict, forbidden, invalid, notFound, type KeyedLock } from "../base/index.ts";
import type { NetworkService } from "../network/index.ts";
import { networkTask } from "./create/endpoints.ts";
import { networkMode } from "./create/modes.ts";
import type { ContainerEntry } from "./entry.ts";
import { filesIn, updateFiles } from "./hosts-files.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { NetworkConnections } from "./types.ts";

/**
 * Connects containers to networks and back: the record always, the running task at once.
 * @param root folder of the containers' own files.
 */
export function networkConnections(
  root: string,
  registry: ContainerRegistry,
  networks: NetworkService & Pick<NetworksBackend, "inspect">,
  lock: KeyedLock,
): NetworkConnections {
  const parts = { root, registry, networks };
  const nameOf = async (ref: string): Promise<string> =>
    (await networks.inspect(ref, { verbose: false, scope: undefined })).Name ?? ref;
  return {
    async connect(ref: string, body: NetworkConnectRequest): Promise<void> {
      const network = await nameOf(ref);
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => connect(found, network, body.EndpointConfig ?? {}, parts));
    },
    async disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void> {
      const network = await nameOf(ref);
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => disconnect(found, network, body.Force === true, parts));
    },
  };
}

interface Parts {
  root: string;
  registry: ContainerRegistry;
  networks: NetworkService;
}

async function connect(
  entry: ContainerEntry,
  network: string,
  settings: EndpointSettings,
  { root, registry, networks }: Parts,
): Promise<void> {
  const { record } = entry;
  if (entry.removing)
    throw conflict(
      `container ${entry.id} is marked for removal and cannot be connected or disconnected to the network`,
    );
  const mode = networkMode(record.hostConfig.NetworkMode).kind;
  if (mode === "host" || mode === "container") {
    throw invalid(
      mode === "host"
        ? "cannot connect container to network: container is attached to the host network"
        : "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (Object.hasOwn(record.endpoints, network)) {
    throw forbidden(`endpoint with name ${entry.name} already exists in network ${network}`);
  }
  const running = entry.state.phase.kind === "running" ? entry.run : undefined;
  if (running !== undefined) {
    const before = networks.state(entry.id);
    // By a daemon that was killed before the record was saved.
    if (before?.endpoints[network] !== undefined) await networks.detachOne(entry.id, network, true);
    await networks.attachOne(entry.id, network, settings, networkTask(running.task));
    await updateFiles(filesIn(join(root, entry.id)), record, before, networks.state(entry.id));
  }
  registry.saveRecord(entry, { ...entry.record, endpoints: { ...record.endpoints, [network]: settings } });
}

async function disconnect(
  entry: ContainerEntry,
  network: string,
  force: boolean,
  { root, registry, networks }: Parts,
): Promise<void> {
  const { record } = entry;
  if (networkMode(record.hostConfig.NetworkMode).kind === "host") {
    throw forbidden("container cannot be disconnected from host network or connected to host network");
  }
  if (!Object.hasOwn(record.endpoints, network)) {
    if (force) return;
    throw notFound(`container ${entry.id} is not connected to network ${network}`);
  }
  if (entry.state.phase.kind === "running") {
    const before = networks.state(entry.id);
    // A daemon that was killed before the record was saved has unplugged it already.
    await networks.detachOne(entry.id, network, true);
    await updateFiles(filesIn(join(root, entry.id)), record, before, networks.state(entry.id));
  }
  const { [network]: _gone, ...endpoints } = record.endpoints;
  registry.saveRecord(entry, { ...entry.record, endpoints });
}
