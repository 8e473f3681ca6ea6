import { KeyedLock, Retries, type Logger } from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import { createEngineMetrics, type EngineMetrics } from "../metrics/index.ts";
import type { Store } from "../store/index.ts";
import type { Native } from "../sys/index.ts";
import { Announcements } from "./announcements.ts";
import type { NetworkConfig } from "./config.ts";
import { noFirewall, openFirewall } from "./firewall/firewall.ts";
import { noFlows, TrackedFlows } from "./firewall/flows.ts";
import { noForeignFirewall, openForeignFirewall } from "./firewall/foreign.ts";
import { CounterReader } from "./counters.ts";
import { HostCare } from "./host-care.ts";
import { NetworkHost } from "./host.ts";
import { LinkedPorts } from "./linked-ports.ts";
import { LinkReaper } from "./link-reaper.ts";
import { Links } from "./links.ts";
import { Serving } from "./netd/serving.ts";
import type { Netd } from "./netd/types.ts";
import { Networks } from "./networks.ts";
import { HostPorts } from "./ports/host-ports.ts";
import { predefinedNetworks } from "./predefined.ts";
import { Publishing } from "./publishing.ts";
import { NetworkRecords } from "./records.ts";
import type { SandboxRecord } from "./records.ts";
import { NetworkRegistry } from "./registry.ts";
import { SandboxFiles } from "./sandbox-files.ts";
import { Sandboxes } from "./sandboxes.ts";
import { BridgeNetworks } from "./service.ts";
import type { NetworkService } from "./types.ts";

export interface NetworkDependencies {
  native: Native;
  store: Store;
  events: EventBus;
  config: NetworkConfig;
  /** Owned by the service from here on. */
  netd: Netd;
  metrics?: EngineMetrics;
  logger: Logger;
}

/**
 * The networks of this host. Call `restore` before anything is attached: it makes the bridges and rules.
 * @throws invalid for options that make no sense, unavailable without the native addon.
 */
export async function createNetworkService({
  native,
  store,
  events,
  config,
  netd,
  metrics = createEngineMetrics(),
  logger,
}: NetworkDependencies): Promise<NetworkService> {
  await using onFailure = new AsyncDisposableStack();
  onFailure.use(netd);
  const resources = onFailure.use(new DisposableStack());
  const links = resources.use(new Links(native));
  const records = new NetworkRecords(store);
  const registry = new NetworkRegistry(records);
  const bridges = registry.records().map((network) => network.bridge);
  const routed = await links.routedSubnets([
    ...bridges,
    ...(config.bridgeName === undefined ? [] : [config.bridgeName]),
  ]);
  const onBridge = config.bridgeName === undefined ? undefined : await links.bridgeAddresses(config.bridgeName);
  const predefined = predefinedNetworks(config, registry.records(), { routed, onBridge });
  for (const network of registry.records()) {
    if (network.name !== "bridge") continue;
    if (config.bridgeName === undefined) registry.delete(network);
    else if (network.bridge !== config.bridgeName) records.retireBridge(network);
  }
  for (const network of predefined) registry.save(network);

  const sandboxes = new Map<string, SandboxRecord>();
  const networkOf = (id: string) => registry.byId(id)?.record;
  const files = new SandboxFiles(config, sandboxes, networkOf);
  const firewall = resources.use(config.firewall ? openFirewall(native, config.instance) : noFirewall);
  const foreign = resources.use(config.firewall ? openForeignFirewall(native, config.instance) : noForeignFirewall);
  const flows = resources.use(config.firewall ? new TrackedFlows(native, logger) : noFlows);
  const reaper = new LinkReaper(links, logger);
  const announce = new Announcements(events);
  const turns = new KeyedLock();
  const publishing = new Publishing({ ports: new HostPorts(), firewall, flows, relays: config.relay, turns });
  const serving = new Serving({ netd, files, publishing, networkOf, logger });
  const linked = new LinkedPorts({ registry, sandboxes, firewall, turns });
  const host = new NetworkHost({
    config,
    records,
    registry,
    links,
    reaper,
    firewall,
    flows,
    foreign,
    turns,
  });
  const leftovers = resources.use(
    new Retries({ what: "removing rules and bridges of a network", work: () => host.removeLeftovers(), logger }),
  );
  const lock = new KeyedLock();
  const plugged = new Sandboxes({
    records,
    registry,
    sandboxes,
    links,
    reaper,
    flows,
    publishing,
    linked,
    serving,
    files,
    announce,
    metrics,
    logger,
  });
  const service = new BridgeNetworks({
    config,
    registry,
    records: sandboxes,
    networks: new Networks({ config, registry, sandboxes, links, host, announce, leftovers, lock }),
    sandboxes: plugged,
    host,
    reaper,
    flows,
    care: new HostCare({ registry, links, firewall, host, sandboxes: plugged, lock, logger }),
    netd,
    metrics,
    counters: new CounterReader(native),
    resources,
  });
  onFailure.move();
  return service;
}
