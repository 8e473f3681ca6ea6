import type {
  CallContext,
  EndpointSettings,
  Filters,
  NetworkConnectRequest,
  NetworkCreateBody,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
} from "../api/index.ts";
import { unavailable } from "../base/index.ts";
import type { ContainerId } from "../base/index.ts";
import type { EngineMetrics } from "../metrics/index.ts";
import type { NetworkConfig } from "./config.ts";
import type { CounterReader } from "./counters.ts";
import { gatewayOf } from "./describe.ts";
import type { NetworkDescription } from "./describe.ts";
import type { Flows } from "./firewall/flows.ts";
import type { HostCare } from "./host-care.ts";
import type { NetworkHost } from "./host.ts";
import type { LinkReaper } from "./link-reaper.ts";
import type { Netd } from "./netd/types.ts";
import type { Networks } from "./networks.ts";
import type { SandboxRecord } from "./records.ts";
import type { NetworkRegistry } from "./registry.ts";
import type { Sandboxes } from "./sandboxes.ts";
import type {
  AttachedEndpoint,
  AttachedNetworking,
  ConnectionOwner,
  ContainerNetworking,
  InterfaceCounters,
  NetworkService,
  NetworkTask,
  ShownNetworking,
} from "./types.ts";

export interface Parts {
  config: NetworkConfig;
  registry: NetworkRegistry;
  records: ReadonlyMap<string, SandboxRecord>;
  networks: Networks;
  sandboxes: Sandboxes;
  host: NetworkHost;
  reaper: LinkReaper;
  flows: Flows;
  care: HostCare;
  netd: Netd;
  metrics: EngineMetrics;
  counters: CounterReader;
  /** Sockets, closed last. */
  resources: DisposableStack;
}

/** Bridge networks on one host: networks, sandboxes and what the host holds for them, behind one door. */
export class BridgeNetworks implements NetworkService {
  readonly #parts: Parts;
  #owner: ConnectionOwner | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async list(filters: Filters): Promise<NetworkDescription[]> {
    return this.#parts.networks.list(filters);
  }

  async inspect(ref: string): Promise<NetworkDescription> {
    return this.#parts.networks.inspect(ref);
  }

  create(body: NetworkCreateBody): Promise<NetworkCreateResponse> {
    return this.#parts.networks.create(body);
  }

  remove(ref: string): Promise<void> {
    return this.#parts.networks.remove(ref);
  }

  prune(filters: Filters): Promise<{ NetworksDeleted: string[] }> {
    return this.#parts.networks.prune(filters);
  }

  useConnections(owner: ConnectionOwner): void {
    this.#owner = owner;
  }

  async connect(ref: string, body: NetworkConnectRequest, call: CallContext): Promise<void> {
    await this.#connections().connect(ref, body, call);
  }

  async disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void> {
    await this.#connections().disconnect(ref, body);
  }

  #connections(): ConnectionOwner {
    if (this.#owner === undefined) throw unavailable("the daemon is still starting");
    return this.#owner;
  }

  async validate(request: ContainerNetworking): Promise<void> {
    this.#parts.sandboxes.validate(request);
  }

  validateOne(network: string, settings: EndpointSettings): void {
    this.#parts.sandboxes.validateOne(network, settings);
  }

  identify(ref: string): { id: string; name: string } | undefined {
    const record = this.#parts.registry.lookUp(ref)?.record;
    return record === undefined ? undefined : { id: record.id, name: record.name };
  }

  attach(request: ContainerNetworking, task: NetworkTask): Promise<AttachedNetworking> {
    const { metrics, sandboxes } = this.#parts;
    return metrics.networkActions.time("allocate", () => this.#mending(() => sandboxes.attach(request, task)));
  }

  detach(id: ContainerId): Promise<void> {
    const { metrics, sandboxes } = this.#parts;
    return metrics.networkActions.time("release", () => sandboxes.detach(id));
  }

  attachOne(
    id: ContainerId,
    network: string,
    settings: EndpointSettings,
    task: NetworkTask,
  ): Promise<AttachedEndpoint> {
    return this.#mending(() => this.#parts.sandboxes.attachOne(id, network, settings, task));
  }

  /** What failed, since somebody has removed a bridge or rules, is done again once they are back. */
  async #mending<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(await this.#parts.care.look())) throw error;
    }
    return await work();
  }

  detachOne(id: ContainerId, network: string, force: boolean): Promise<void> {
    return this.#parts.sandboxes.detachOne(id, network, force);
  }

  rename(id: ContainerId, name: string): void {
    this.#parts.sandboxes.rename(id, name);
  }

  state(id: ContainerId): AttachedNetworking | undefined {
    return this.#parts.sandboxes.state(id);
  }

  shown(id: ContainerId): ShownNetworking | undefined {
    return this.#parts.sandboxes.shown(id);
  }

  hostGateways(): readonly string[] {
    const { config, registry } = this.#parts;
    const bridge = registry.records().find((network) => network.name === "bridge");
    if (config.hostGateways.length > 0 || bridge === undefined) return config.hostGateways;
    return [gatewayOf(bridge, 4), gatewayOf(bridge, 6)].filter((address) => address !== "");
  }

  counters(pid: number): Promise<Record<string, InterfaceCounters>> {
    return this.#parts.counters.of(pid);
  }

  async restore(running: ReadonlyMap<ContainerId, NetworkTask>): Promise<void> {
    const { care, host, sandboxes } = this.#parts;
    sandboxes.recover(running);
    await host.setUp();
    await host.replaceRules(sandboxes.ports);
    const flowsForgotten = host.forgetStrayFlows(sandboxes.addresses());
    await host.removeStrayVeths(sandboxes.linkIndexes());
    await sandboxes.resume();
    await flowsForgotten;
    care.start();
  }

  async uninstall(): Promise<void> {
    const { records, sandboxes, reaper, flows, host, care } = this.#parts;
    await care.stop();
    for (const { container } of records.values()) await sandboxes.detach(container);
    await reaper.drain();
    await flows.drain();
    await host.tearDown();
  }

  /** Lets go of sockets; what runs keeps its network. Waits for veths under removal. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.care.stop();
    await this.#parts.netd[Symbol.asyncDispose]();
    await this.#parts.reaper.drain();
    await this.#parts.flows.drain();
    this.#parts.resources.dispose();
  }
}
