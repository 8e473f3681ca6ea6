import { join } from "node:path";
import type { EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest } from "../api/index.ts";
import { conflict, type KeyedLock } from "../base/index.ts";
import { endpointExists, hostNetworkConnect, networkNotFound, noneNetworkConnect } from "../network/index.ts";
import type { NetworkService } from "../network/index.ts";
import { networkTask } from "./create/endpoints.ts";
import { networkMode } from "./create/modes.ts";
import type { ContainerEntry } from "./entry.ts";
import { hostNetworkDisconnect, notOnNetwork, sharedNamespaceConnect } from "./errors.ts";
import { filesIn, updateFiles } from "./hosts-files.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { NetworkConnections } from "./types.ts";

/**
 * Connects containers to networks and back: the record always, the running task at once.
 * @param root folder of the containers' own files.
 */
export function networkConnections(
  root: string,
  registry: ContainerRegistry,
  networks: NetworkService,
  lock: KeyedLock,
): NetworkConnections {
  const parts = { root, registry, networks };
  return {
    async connect(ref: string, body: NetworkConnectRequest): Promise<void> {
      const network = networkName(ref, networks);
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => connect(found, network, body.EndpointConfig ?? {}, parts));
    },
    async disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void> {
      const found = registry.resolve(body.Container);
      await lock.run(found.id, () => disconnect(found, ref, body.Force === true, parts));
    },
  };
}

/** @throws not-found. */
function networkName(ref: string, networks: Pick<NetworkService, "identify">): string {
  const network = networks.identify(ref);
  if (network === undefined) throw networkNotFound(ref);
  return network.name;
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
  checkTogether(record, network);
  const running = entry.state.phase.kind === "running" ? entry.run : undefined;
  const isOn = Object.hasOwn(record.endpoints, network);
  if (isOn && running !== undefined) throw endpointExists(entry.name, network);
  networks.validateOne(network, settings);
  if (isOn) return;
  if (running !== undefined) {
    const before = networks.state(entry.id);
    // By a daemon that was killed before the record was saved.
    if (before?.endpoints[network] !== undefined) await networks.detachOne(entry.id, network, true);
    await networks.attachOne(entry.id, network, settings, networkTask(running.task));
    await updateFiles(filesIn(join(root, entry.id)), record, before, networks.state(entry.id));
  }
  registry.saveRecord(entry, { ...entry.record, endpoints: { ...record.endpoints, [network]: settings } });
}

/** Whether a container may be on a network beside those that it is on. @throws invalid in Docker's words. */
function checkTogether({ hostConfig, endpoints }: ContainerRecord, network: string): void {
  const { kind } = networkMode(hostConfig.NetworkMode);
  if (kind !== "host" && network === "host") throw hostNetworkConnect();
  const others = Object.keys(endpoints).filter((name) => name !== network);
  // Its namespace is not its own, whether or not it is on the host's network still.
  if (kind === "container" || (kind === "host" && network !== "host")) throw sharedNamespaceConnect();
  if (others.length > 0 && [network, ...others].includes("none")) throw noneNetworkConnect();
}

async function disconnect(
  entry: ContainerEntry,
  ref: string,
  force: boolean,
  { root, registry, networks }: Parts,
): Promise<void> {
  const { record } = entry;
  const running = entry.state.phase.kind === "running";
  // What does not run may be on a network that is gone.
  const network = running && !force ? networkName(ref, networks) : (networks.identify(ref)?.name ?? ref);
  if (running && network === "host") throw hostNetworkDisconnect();
  if (!Object.hasOwn(record.endpoints, network)) throw notOnNetwork(entry.id, network, running);
  if (running) {
    const before = networks.state(entry.id);
    // A daemon that was killed before the record was saved has unplugged it already.
    await networks.detachOne(entry.id, network, true);
    await updateFiles(filesIn(join(root, entry.id)), record, before, networks.state(entry.id));
  }
  const { [network]: _gone, ...endpoints } = record.endpoints;
  registry.saveRecord(entry, { ...entry.record, endpoints });
}
