import type { Filters, NetworkCreateBody, NetworkCreateResponse } from "../api/index.ts";
import { crashPoint, isKind, type KeyedLock, type Retries } from "../base/index.ts";
import { formatInterfaceAddress } from "./address.ts";
import type { Announcements } from "./announcements.ts";
import type { NetworkConfig } from "./config.ts";
import { planNetwork } from "./create.ts";
import { describeNetwork } from "./describe.ts";
import type { NetworkDescription } from "./describe.ts";
import { activeEndpoints, predefinedRemoval } from "./errors.ts";
import { isPredefined, listed, prunable } from "./filters.ts";
import type { NetworkHost } from "./host.ts";
import type { Links } from "./links.ts";
import type { NetworkRecord, SandboxRecord } from "./records.ts";
import type { NetworkRegistry } from "./registry.ts";

export interface NetworksParts {
  config: NetworkConfig;
  registry: NetworkRegistry;
  sandboxes: ReadonlyMap<string, SandboxRecord>;
  links: Links;
  host: NetworkHost;
  announce: Announcements;
  /** Of rules and bridges that a removed network may have left on the host. */
  leftovers: Retries;
  /** One thing at a time with each network, by its id: a prune may come upon one that is still being made. */
  lock: KeyedLock;
}

/** Networks as things that are made, listed and removed. */
export class Networks {
  readonly #parts: NetworksParts;

  constructor(parts: NetworksParts) {
    this.#parts = parts;
  }

  list(filters: Filters): NetworkDescription[] {
    return listed(this.#parts.registry.records(), filters, this.#inUse).map((network) => this.#describe(network));
  }

  /** @throws not-found. */
  inspect(ref: string): NetworkDescription {
    return this.#describe(this.#parts.registry.find(ref).record);
  }

  /** @throws invalid, conflict, forbidden with Docker's texts; nothing is left then. */
  async create(body: NetworkCreateBody): Promise<NetworkCreateResponse> {
    const { config, registry, links, host, announce, leftovers } = this.#parts;
    const own = registry.records().map((network) => network.bridge);
    const routed = await links.routedSubnets(own);
    const planned = planNetwork(body, { config, networks: registry.records(), routed });
    const onBridge = await links.bridgeAddresses(planned.bridge);
    const network = registry.save({
      ...planned,
      ...(onBridge === undefined ? {} : { adopted: onBridge.map(formatInterfaceAddress) }),
    }).record;
    using _held = await this.#parts.lock.acquire(network.id);
    try {
      crashPoint("network-create:recorded");
      await host.setUpBridge(network);
      crashPoint("network-create:bridge-made");
      await host.updateRules();
    } catch (error) {
      registry.delete(network);
      await host.removeLeftovers().catch((failure: unknown) => leftovers.later(failure));
      throw error;
    }
    announce.network("create", network);
    return { Id: network.id, Warning: "" };
  }

  /** @throws not-found, forbidden for predefined ones and those in use. */
  async remove(ref: string): Promise<void> {
    const network = this.#parts.registry.find(ref).record;
    if (isPredefined(network)) throw predefinedRemoval(network.name);
    await this.#remove(network);
  }

  async prune(filters: Filters): Promise<{ NetworksDeleted: string[] }> {
    const doomed = prunable(this.#parts.registry.records(), filters, this.#inUse);
    const removed: string[] = [];
    for (const network of doomed) {
      try {
        await this.#remove(network);
        removed.push(network.name);
      } catch (error) {
        // Somebody plugged in meanwhile.
        if (!isKind(error, "forbidden")) throw error;
      }
    }
    return { NetworksDeleted: removed };
  }

  /** @throws forbidden when it is in use. */
  async #remove(network: NetworkRecord): Promise<void> {
    const { registry, host, announce, leftovers } = this.#parts;
    using _held = await this.#parts.lock.acquire(network.id);
    if (registry.byId(network.id) === undefined) return; // another removal was first
    const active = this.#endpointsOf(network);
    if (active.length > 0) throw activeEndpoints(network.name, active);
    registry.delete(network);
    try {
      crashPoint("network-remove:recorded");
      await host.removeLeftovers();
    } catch (error) {
      // It is removed for everybody: what is left on the host goes later.
      leftovers.later(error);
    }
    announce.network("destroy", network);
  }

  #describe(network: NetworkRecord): NetworkDescription {
    return describeNetwork(network, this.#parts.sandboxes.values());
  }

  readonly #inUse = (network: NetworkRecord): boolean => this.#endpointsOf(network).length > 0;

  #endpointsOf(network: NetworkRecord): Array<{ name: string; id: string }> {
    return [...this.#parts.sandboxes.values()].flatMap((sandbox) =>
      sandbox.endpoints
        .filter((endpoint) => endpoint.network === network.id)
        .map((endpoint) => ({ name: sandbox.request.name, id: endpoint.id })),
    );
  }
}
