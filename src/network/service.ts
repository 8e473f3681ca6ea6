import type {
  CallContext,
  EndpointSettings,
  Filters,
  NetworkConnectRequest,
  NetworkCreateBody,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
} from "../api/index.ts";
import { crashPoint, messageOf, shortId, unavailable } from "../base/index.ts";
import type { ContainerId, Logger } from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import type { NetworkConfig } from "./config.ts";
import { readCounters } from "./counters.ts";
import { planNetwork } from "./create.ts";
import { describeEndpoint, describeNetwork, gatewayOf } from "./describe.ts";
import type { NetworkDescription } from "./describe.ts";
import {
  bridgeAddresses,
  checkEndpoint,
  chooseGateway,
  gatewaysOf,
  releaseAddresses,
  reserveEndpoint,
  retakeAddresses,
  vethPlan,
} from "./endpoints.ts";
import {
  activeEndpoints,
  endpointExists,
  hostNetworkConnect,
  noneNetworkConnect,
  notConnected,
  predefinedRemoval,
} from "./errors.ts";
import { isPredefined, listed, prunable } from "./filters.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { ForeignFirewall } from "./firewall/foreign.ts";
import type { FirewalledBridge } from "./firewall/rules.ts";
import { subnetsOf } from "./create.ts";
import type { LinkReaper } from "./link-reaper.ts";
import type { Links } from "./links.ts";
import { withNetns } from "./links.ts";
import type { NameServers } from "./name-servers.ts";
import { forwards, portMap } from "./publishing.ts";
import type { Publishing } from "./publishing.ts";
import type { EndpointRecord, NetworkRecord, NetworkRecords, SandboxRecord } from "./records.ts";
import type { LiveNetwork, NetworkRegistry } from "./registry.ts";
import type { SandboxFiles } from "./sandbox-files.ts";
import { enableIpv6Forwarding, setSysctl } from "./sysctl.ts";
import type {
  AttachedEndpoint,
  AttachedNetworking,
  ConnectionOwner,
  ContainerNetworking,
  InterfaceCounters,
  NetworkService,
} from "./types.ts";

export interface Parts {
  config: NetworkConfig;
  /** Bridges that the options no longer name: `restore` removes them. */
  retiredBridges: readonly string[];
  records: NetworkRecords;
  registry: NetworkRegistry;
  sandboxes: Map<string, SandboxRecord>;
  links: Links;
  reaper: LinkReaper;
  firewall: Firewall;
  foreign: ForeignFirewall;
  publishing: Publishing;
  nameServers: NameServers;
  files: SandboxFiles;
  events: EventBus;
  logger: Logger;
  /** Sockets and relays, closed last. */
  resources: DisposableStack;
}

/** Bridge networks on one host. Records change before the kernel on the way in, and after it on the way out. */
export class BridgeNetworks implements NetworkService {
  readonly #parts: Parts;
  #owner: ConnectionOwner | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  useConnections(owner: ConnectionOwner): void {
    this.#owner = owner;
  }

  // ---- networks ----

  async list(filters: Filters): Promise<NetworkDescription[]> {
    const { registry } = this.#parts;
    return listed(registry.records(), filters, (network) => this.#endpointsOf(network).length > 0).map((network) =>
      this.#describe(network),
    );
  }

  async inspect(ref: string): Promise<NetworkDescription> {
    return this.#describe(this.#parts.registry.find(ref).record);
  }

  async create(body: NetworkCreateBody): Promise<NetworkCreateResponse> {
    const { config, registry, links } = this.#parts;
    const own = registry.records().map((network) => network.bridge);
    const routed = await links.routedSubnets(own);
    const network = registry.save(planNetwork(body, { config, networks: registry.records(), routed })).record;
    try {
      crashPoint("network-create:recorded");
      await this.#setUpBridge(network);
      crashPoint("network-create:bridge-made");
      await this.#updateFirewall();
    } catch (error) {
      registry.delete(network.id);
      await links.remove(network.bridge);
      throw error;
    }
    this.#announce("create", network, {});
    return { Id: network.id, Warning: "" };
  }

  async remove(ref: string): Promise<void> {
    const network = this.#parts.registry.find(ref).record;
    if (isPredefined(network)) throw predefinedRemoval(network.name);
    const active = this.#endpointsOf(network);
    if (active.length > 0) throw activeEndpoints(network.name, active);
    await this.#remove(network);
  }

  async #remove(network: NetworkRecord): Promise<void> {
    const { registry, links } = this.#parts;
    registry.delete(network.id);
    crashPoint("network-remove:recorded");
    await this.#updateFirewall();
    crashPoint("network-remove:rules-removed");
    await links.remove(network.bridge);
    this.#announce("destroy", network, {});
  }

  async prune(filters: Filters): Promise<{ NetworksDeleted: string[] }> {
    const { registry } = this.#parts;
    const doomed = prunable(registry.records(), filters, (network) => this.#endpointsOf(network).length > 0);
    for (const network of doomed) await this.#remove(network);
    return { NetworksDeleted: doomed.map((network) => network.name) };
  }

  async connect(ref: string, body: NetworkConnectRequest, call: CallContext): Promise<void> {
    const { driver } = this.#parts.registry.find(ref).record;
    if (driver === "host") throw hostNetworkConnect();
    if (driver === "null") throw noneNetworkConnect();
    await this.#connections().connect(ref, body, call);
  }

  async disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void> {
    await this.#connections().disconnect(ref, body);
  }

  #connections(): ConnectionOwner {
    if (this.#owner === undefined) throw unavailable("the daemon is still starting");
    return this.#owner;
  }

  #describe(network: NetworkRecord): NetworkDescription {
    return describeNetwork(network, this.#parts.sandboxes.values());
  }

  #endpointsOf(network: NetworkRecord): Array<{ name: string; id: string }> {
    return [...this.#parts.sandboxes.values()].flatMap((sandbox) =>
      sandbox.endpoints
        .filter((endpoint) => endpoint.network === network.id)
        .map((endpoint) => ({ name: sandbox.request.name, id: endpoint.id })),
    );
  }

  // ---- containers ----

  async validate(request: ContainerNetworking): Promise<void> {
    for (const [ref, asked] of Object.entries(request.endpoints)) checkEndpoint(this.#parts.registry.find(ref), asked);
  }

  async attach(request: ContainerNetworking, netnsPath: string): Promise<AttachedNetworking> {
    const { sandboxes, records, nameServers } = this.#parts;
    const wanted = Object.entries(request.endpoints).map(([ref, asked]) => ({
      network: this.#parts.registry.find(ref),
      asked,
    }));
    for (const { network, asked } of wanted) checkEndpoint(network, asked);
    if (sandboxes.has(request.id)) await this.#replace(request.id);
    const { endpoints: _, id, ...kept } = request;
    const sandbox: SandboxRecord = {
      container: id,
      request: kept,
      netnsPath,
      endpoints: [],
      gatewayEndpoint: undefined,
      published: [],
    };
    sandboxes.set(id, sandbox);
    try {
      for (const { network, asked } of wanted) this.#reserve(sandbox, network, asked);
      sandbox.gatewayEndpoint = chooseGateway(sandbox, this.#networkOf)?.id;
      crashPoint("network-attach:reserved");
      await withNetns(netnsPath, async (netnsFd) => {
        for (const endpoint of sandbox.endpoints) await this.#plug(sandbox, endpoint, netnsFd);
        crashPoint("network-attach:plugged");
        await nameServers.serve(sandbox, netnsFd, true);
      });
      await this.#publish(sandbox);
      crashPoint("network-attach:published");
      records.saveSandbox(sandbox);
    } catch (error) {
      sandboxes.delete(id);
      await this.#unplug(sandbox);
      // At once: the namespace may be asked for again.
      await this.#parts.reaper.drain();
      throw error;
    }
    for (const endpoint of sandbox.endpoints) this.#announceEndpoint("connect", sandbox, endpoint);
    return this.#attached(sandbox);
  }

  async #replace(id: ContainerId): Promise<void> {
    await this.detach(id);
    await this.#parts.reaper.drain();
  }

  async detach(id: ContainerId): Promise<void> {
    const { sandboxes, records } = this.#parts;
    const sandbox = sandboxes.get(id);
    if (sandbox === undefined) return;
    sandboxes.delete(id);
    records.deleteSandbox(id);
    crashPoint("network-detach:recorded");
    await this.#unplug(sandbox);
    for (const endpoint of sandbox.endpoints) this.#announceEndpoint("disconnect", sandbox, endpoint);
  }

  async attachOne(
    id: ContainerId,
    ref: string,
    settings: EndpointSettings,
    netnsPath: string,
  ): Promise<AttachedEndpoint> {
    const { sandboxes, records, registry, nameServers } = this.#parts;
    const network = registry.find(ref);
    const sandbox = sandboxes.get(id) ?? unnamedSandbox(id, netnsPath);
    if (sandbox.endpoints.some((endpoint) => endpoint.network === network.record.id))
      throw endpointExists(sandbox.request.name, network.record.name);
    checkEndpoint(network, settings);
    sandboxes.set(id, sandbox);
    const endpoint = this.#reserve(sandbox, network, settings);
    try {
      await withNetns(netnsPath, async (netnsFd) => {
        await this.#plug(sandbox, endpoint, netnsFd);
        await this.#moveGateway(sandbox, netnsFd);
        await nameServers.serve(sandbox, netnsFd, false);
      });
      records.saveSandbox(sandbox);
    } catch (error) {
      this.#dropEndpoint(sandbox, endpoint);
      throw error;
    }
    this.#announceEndpoint("connect", sandbox, endpoint);
    return { settings: describeEndpoint(network.record, endpoint), interfaceName: endpoint.containerInterface };
  }

  async detachOne(id: ContainerId, ref: string, force: boolean): Promise<void> {
    const { sandboxes, records, registry } = this.#parts;
    const network = registry.find(ref);
    const sandbox = sandboxes.get(id);
    const endpoint = sandbox?.endpoints.find((item) => item.network === network.record.id);
    if (sandbox === undefined || endpoint === undefined) {
      if (force) return;
      throw notConnected(id, network.record.name);
    }
    if (sandbox.gatewayEndpoint === endpoint.id) await this.#parts.publishing.withdraw(sandbox, endpoint);
    this.#dropEndpoint(sandbox, endpoint);
    await withNetns(sandbox.netnsPath, (netnsFd) => this.#moveGateway(sandbox, netnsFd));
    records.saveSandbox(sandbox);
    // The interface goes at once: the container runs on and may not keep it.
    await this.#parts.reaper.drain();
    this.#announceEndpoint("disconnect", sandbox, endpoint);
  }

  rename(id: ContainerId, name: string): void {
    const { sandboxes, records } = this.#parts;
    const sandbox = sandboxes.get(id);
    if (sandbox === undefined) return;
    const old = sandbox.request.name;
    sandbox.request.name = name;
    for (const endpoint of sandbox.endpoints)
      endpoint.dnsNames = [...new Set(endpoint.dnsNames.map((item) => (item === old ? name : item)))];
    records.saveSandbox(sandbox);
  }

  state(id: ContainerId): AttachedNetworking | undefined {
    const sandbox = this.#parts.sandboxes.get(id);
    return sandbox === undefined ? undefined : this.#attached(sandbox);
  }

  hostGateway(): string | undefined {
    const { config, registry } = this.#parts;
    const bridge = registry.records().find((network) => network.name === "bridge");
    return config.hostGateway ?? (bridge === undefined ? undefined : gatewayOf(bridge, 4));
  }

  counters(pid: number): Promise<Record<string, InterfaceCounters>> {
    return readCounters(pid);
  }

  readonly #networkOf = (id: string): NetworkRecord | undefined => this.#parts.registry.byId(id)?.record;

  #reserve(sandbox: SandboxRecord, network: LiveNetwork, asked: EndpointSettings): EndpointRecord {
    const endpoint = reserveEndpoint(network, asked, {
      container: sandbox.container,
      name: sandbox.request.name,
      hostname: sandbox.request.hostname,
      interfaces: sandbox.endpoints.map((item) => item.containerInterface),
    });
    sandbox.endpoints.push(endpoint);
    return endpoint;
  }

  async #plug(sandbox: SandboxRecord, endpoint: EndpointRecord, netnsFd: number): Promise<void> {
    const network = this.#networkOf(endpoint.network);
    if (network === undefined || network.driver !== "bridge") return this.#parts.links.loopbackUp(netnsFd);
    const plan = vethPlan(network, endpoint, sandbox.gatewayEndpoint === endpoint.id);
    endpoint.hostIndex = await this.#parts.links.plug(plan, netnsFd);
  }

  async #publish(sandbox: SandboxRecord): Promise<void> {
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
    const network = gateway && this.#networkOf(gateway.network);
    if (gateway !== undefined && network !== undefined) await this.#parts.publishing.publish(sandbox, network, gateway);
  }

  /** After endpoints came or went: default route and published ports go through the one that ranks first. */
  async #moveGateway(sandbox: SandboxRecord, netnsFd: number): Promise<void> {
    const best = chooseGateway(sandbox, this.#networkOf);
    if (best?.id === sandbox.gatewayEndpoint) return;
    const old = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
    if (old !== undefined) await this.#parts.publishing.withdraw(sandbox, old);
    sandbox.gatewayEndpoint = best?.id;
    const network = best && this.#networkOf(best.network);
    await this.#parts.links.setGateways(
      netnsFd,
      best?.containerInterface,
      best === undefined || network === undefined ? [] : gatewaysOf(network, best),
    );
    await this.#publish(sandbox);
  }

  /** Takes a sandbox's ports, names and interfaces away; the interfaces' removal goes on after this returns. */
  async #unplug(sandbox: SandboxRecord): Promise<void> {
    const { publishing, nameServers } = this.#parts;
    nameServers.stop(sandbox.container);
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
    try {
      if (gateway !== undefined) await publishing.withdraw(sandbox, gateway);
    } finally {
      for (const endpoint of sandbox.endpoints) this.#retire(endpoint);
    }
  }

  #dropEndpoint(sandbox: SandboxRecord, endpoint: EndpointRecord): void {
    sandbox.endpoints = sandbox.endpoints.filter((item) => item !== endpoint);
    if (sandbox.endpoints.length === 0) this.#parts.nameServers.stop(sandbox.container);
    this.#retire(endpoint);
  }

  /** An address rests until its veth is gone. */
  #retire(endpoint: EndpointRecord): void {
    const release = () => {
      const network = this.#parts.registry.byId(endpoint.network);
      if (network !== undefined) releaseAddresses(network, endpoint);
    };
    if (endpoint.hostIndex === 0) release();
    else this.#parts.reaper.add(endpoint.hostIndex, release);
  }

  #attached(sandbox: SandboxRecord): AttachedNetworking {
    const endpoints: Record<string, EndpointSettings> = {};
    for (const endpoint of sandbox.endpoints) {
      const network = this.#networkOf(endpoint.network);
      if (network !== undefined) endpoints[network.name] = describeEndpoint(network, endpoint);
    }
    return {
      endpoints,
      ports: portMap(sandbox),
      hostsLines: this.#parts.files.hostsLines(sandbox),
      resolvConf: this.#parts.files.resolvConf(sandbox),
      sandboxKey: sandbox.netnsPath,
    };
  }

  #announceEndpoint(action: string, sandbox: SandboxRecord, endpoint: EndpointRecord): void {
    const network = this.#networkOf(endpoint.network);
    if (network !== undefined) this.#announce(action, network, { container: sandbox.container });
  }

  #announce(action: string, network: NetworkRecord, attributes: Record<string, string>): void {
    this.#parts.events.publish({
      type: "network",
      action,
      id: network.id,
      attributes: { ...attributes, name: network.name, type: network.driver },
    });
  }

  // ---- the host ----

  async restore(running: ReadonlyMap<ContainerId, { netnsPath: string }>): Promise<void> {
    const { records, registry, sandboxes, firewall, foreign, config } = this.#parts;
    for (const bridge of this.#parts.retiredBridges) await this.#parts.links.remove(bridge);
    if (config.forwarding) await setSysctl(records, "net/ipv4/ip_forward", "1");
    for (const network of registry.records()) if (network.driver === "bridge") await this.#setUpBridge(network);
    for (const sandbox of records.sandboxes()) {
      const task = running.get(sandbox.container);
      if (task === undefined) records.deleteSandbox(sandbox.container);
      else this.#resume({ ...sandbox, netnsPath: task.netnsPath });
    }
    const ports = [...sandboxes.values()].flatMap((sandbox) => {
      const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
      return gateway === undefined ? [] : forwards(sandbox.published, gateway);
    });
    await firewall.replace(this.#bridges(), ports);
    await foreign.sync(this.#bridges().map((bridge) => bridge.bridge));
    await this.#removeStrayVeths();
    for (const sandbox of sandboxes.values()) await this.#resumeNames(sandbox);
  }

  #resume(sandbox: SandboxRecord): void {
    const { registry, sandboxes, publishing, logger } = this.#parts;
    sandbox.endpoints = sandbox.endpoints.filter((endpoint) => registry.byId(endpoint.network) !== undefined);
    for (const endpoint of sandbox.endpoints) {
      const network = registry.byId(endpoint.network);
      try {
        if (network !== undefined) retakeAddresses(network, endpoint);
      } catch (error) {
        logger.warn("an address is in use twice", { container: sandbox.container, error: messageOf(error) });
      }
    }
    sandboxes.set(sandbox.container, sandbox);
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
    if (gateway !== undefined) publishing.rehold(sandbox, gateway);
  }

  async #resumeNames(sandbox: SandboxRecord): Promise<void> {
    const { nameServers, logger } = this.#parts;
    try {
      await withNetns(sandbox.netnsPath, (netnsFd) => nameServers.serve(sandbox, netnsFd, false));
    } catch (error) {
      logger.warn("name service of a container could not be resumed", {
        container: shortId(sandbox.container),
        error: messageOf(error),
      });
    }
  }

  /** Veths on own bridges that no record knows: of attaches that were cut short, of containers that are gone. */
  async #removeStrayVeths(): Promise<void> {
    const { links, reaper, sandboxes } = this.#parts;
    const all = await links.all();
    const bridges = new Set(this.#bridges().map((bridge) => bridge.bridge));
    const own = new Set(all.filter((link) => bridges.has(link.name)).map((link) => link.index));
    const known = new Set(
      [...sandboxes.values()].flatMap((sandbox) => sandbox.endpoints.map((item) => item.hostIndex)),
    );
    for (const link of all)
      if (link.kind === "veth" && link.master !== undefined && own.has(link.master) && !known.has(link.index))
        reaper.add(link.index, () => {});
    await reaper.drain();
  }

  async #setUpBridge(network: NetworkRecord): Promise<void> {
    const { links, records, config } = this.#parts;
    await links.ensureBridge(network.bridge, bridgeAddresses(network), network.mtu);
    // Published ports of 127.0.0.1 lead out of this interface with a loopback source; the rules keep others out.
    await setSysctl(records, `net/ipv4/conf/${network.bridge}/route_localnet`, "1");
    await setSysctl(records, `net/ipv6/conf/${network.bridge}/accept_ra`, "0");
    if (network.ipv6 && config.forwarding) await enableIpv6Forwarding(records);
  }

  #bridges(): FirewalledBridge[] {
    return this.#parts.registry
      .records()
      .filter((network) => network.driver === "bridge")
      .map(({ bridge, icc, masquerade, internal, ...network }) => ({
        bridge,
        icc,
        masquerade,
        internal,
        subnets: subnetsOf({ bridge, icc, masquerade, internal, ...network }),
      }));
  }

  async #updateFirewall(): Promise<void> {
    await this.#parts.firewall.update(this.#bridges());
    await this.#parts.foreign.sync(this.#bridges().map((bridge) => bridge.bridge));
  }

  async uninstall(): Promise<void> {
    const { registry, links, firewall, foreign, sandboxes } = this.#parts;
    for (const id of sandboxes.keys()) await this.detach(id as ContainerId); // keys are the records' own ids
    await this.#parts.reaper.drain();
    await firewall.remove();
    await foreign.sync([]);
    for (const network of registry.records()) if (network.driver === "bridge") await links.remove(network.bridge);
  }

  /** Lets go of sockets; what runs keeps its network. Waits for veths under removal. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#parts.sandboxes.keys()) this.#parts.nameServers.stop(id);
    await this.#parts.reaper.drain();
    this.#parts.resources.dispose();
  }
}

/** Of a container that was started without any network: known by its id alone. */
function unnamedSandbox(container: ContainerId, netnsPath: string): SandboxRecord {
  const name = shortId(container);
  return {
    container,
    request: {
      name,
      hostname: name,
      ports: {},
      exposed: [],
      publishAll: false,
      dns: { servers: [], search: [], options: [] },
      links: [],
    },
    netnsPath,
    endpoints: [],
    gatewayEndpoint: undefined,
    published: [],
  };
}
