import type {
  EndpointSettings,
  NetworkConnectRequest,
  NetworkDisconnectRequest,
  NetworksBackend,
} from "../api/index.ts";
import { conflict, forbidden, invalid, notFound, type KeyedLock } from "../base/index.ts";
import type { NetworkService } from "../network/index.ts";
import { networkMode } from "./create/modes.ts";
import type { ContainerEntry } from "./entry.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { NetworkConnections } from "./types.ts";

/** Connects containers to networks and back: the record always, the running task at once. */
export function networkConnections(
  registry: ContainerRegistry,
  networks: NetworkService & Pick<NetworksBackend, "inspect">,
  lock: KeyedLock,
): NetworkConnections {
  const nameOf = async (ref: string): Promise<string> =>
    (await networks.inspect(ref, { verbose: false, scope: undefined })).Name ?? ref;
  return {
    async connect(ref: string, body: NetworkConnectRequest): Promise<void> {
      const network = await nameOf(ref);
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => connect(found, network, body.EndpointConfig ?? {}, registry, networks));
    },
    async disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void> {
      const network = await nameOf(ref);
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => disconnect(found, network, body.Force === true, registry, networks));
    },
  };
}

async function connect(
  entry: ContainerEntry,
  network: string,
  settings: EndpointSettings,
  registry: ContainerRegistry,
  networks: NetworkService,
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
    await networks.attachOne(entry.id, network, settings, running.task.namespacePath("net"));
  }
  registry.saveRecord(entry, { ...record, endpoints: { ...record.endpoints, [network]: settings } });
}

async function disconnect(
  entry: ContainerEntry,
  network: string,
  force: boolean,
  registry: ContainerRegistry,
  networks: NetworkService,
): Promise<void> {
  const { record } = entry;
  if (networkMode(record.hostConfig.NetworkMode).kind === "host") {
    throw forbidden("container cannot be disconnected from host network or connected to host network");
  }
  if (!Object.hasOwn(record.endpoints, network)) {
    if (force) return;
    throw notFound(`container ${entry.id} is not connected to network ${network}`);
  }
  if (entry.state.phase.kind === "running") await networks.detachOne(entry.id, network, force);
  const { [network]: _gone, ...endpoints } = record.endpoints;
  registry.saveRecord(entry, { ...record, endpoints });
}
