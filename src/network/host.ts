import { crashPoint, type KeyedLock } from "../base/index.ts";
import { parseInterfaceAddress } from "./address.ts";
import type { Address } from "./address.ts";
import type { NetworkConfig } from "./config.ts";
import { subnetsOf } from "./create.ts";
import { bridgeAddresses } from "./endpoints.ts";
import type { Firewall, OpenPorts } from "./firewall/firewall.ts";
import type { Flows } from "./firewall/flows.ts";
import type { ForeignFirewall } from "./firewall/foreign.ts";
import type { FirewalledBridge } from "./firewall/rules.ts";
import type { LinkReaper } from "./link-reaper.ts";
import type { Links } from "./links.ts";
import type { NetworkRecord, NetworkRecords } from "./records.ts";
import type { NetworkRegistry } from "./registry.ts";
import { enableIpv6Forwarding, filterBridged, setSysctl } from "./sysctl.ts";

/** The key of `HostParts.turns`. */
export const RULES = "rules";

export interface HostParts {
  config: NetworkConfig;
  records: NetworkRecords;
  registry: NetworkRegistry;
  links: Links;
  reaper: LinkReaper;
  firewall: Firewall;
  flows: Flows;
  foreign: ForeignFirewall;
  /** Changes of rules are made one after another, each from the networks of its time: an older one never comes last. */
  turns: KeyedLock;
}

/** What networks are on this host: bridges, rules and settings, made to agree with the registry. */
export class NetworkHost {
  readonly #parts: HostParts;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  /** At boot: bridges and settings, whatever is there. */
  async setUp(): Promise<void> {
    const { config, registry } = this.#parts;
    await this.removeRetiredBridges();
    if (config.forwarding) await setSysctl("net/ipv4/ip_forward", "1");
    for (const network of registry.records()) if (network.driver === "bridge") await this.setUpBridge(network);
  }

  /** Bridges of networks that were removed, and of options that were changed. */
  async removeRetiredBridges(): Promise<void> {
    const { records, registry, links } = this.#parts;
    const inUse = new Set(registry.records().map((network) => network.bridge));
    for (const bridge of records.retiredBridges()) {
      if (!inUse.has(bridge)) await links.remove(bridge);
      records.forgetBridge(bridge);
    }
  }

  /** Rules and bridges of networks that were removed. */
  async removeLeftovers(): Promise<void> {
    await this.updateRules();
    crashPoint("network-remove:rules-removed");
    await this.removeRetiredBridges();
  }

  async setUpBridge(network: NetworkRecord): Promise<void> {
    const { links, config } = this.#parts;
    await links.ensureBridge(network.bridge, {
      addresses: bridgeAddresses(network),
      former: (network.former ?? []).flatMap((text) => parseInterfaceAddress(text) ?? []),
      mtu: network.mtu,
      keepsMtu: network.adopted !== undefined,
    });
    // Published ports of 127.0.0.1 lead out of this interface with a loopback source; the rules keep others out.
    await setSysctl(`net/ipv4/conf/${network.bridge}/route_localnet`, "1");
    await setSysctl(`net/ipv6/conf/${network.bridge}/accept_ra`, "0");
    if (!network.icc && config.firewall) await filterBridged();
    if (network.ipv6 && config.forwarding) await enableIpv6Forwarding();
  }

  /** The whole table anew, with the ports that are open then, and what other firewalls must let pass. */
  async replaceRules(ports: () => OpenPorts): Promise<void> {
    using _turn = await this.#parts.turns.acquire(RULES);
    const bridges = this.#bridges();
    await this.#parts.firewall.replace(bridges, ports());
    await this.#parts.foreign.sync(bridges.map((bridge) => bridge.bridge));
  }

  /**
   * Puts back what somebody else has taken out of the own table and of other firewalls.
   * @returns true when something was missing in the own table.
   */
  async mendRules(ports: () => OpenPorts): Promise<boolean> {
    if (!(await this.#rulesStand(ports))) {
      await this.replaceRules(ports);
      return true;
    }
    return false;
  }

  /** Other firewalls are let pass again, too: they may have been reloaded. */
  async #rulesStand(ports: () => OpenPorts): Promise<boolean> {
    using _turn = await this.#parts.turns.acquire(RULES);
    const bridges = this.#bridges();
    await this.#parts.foreign.sync(bridges.map((bridge) => bridge.bridge));
    return await this.#parts.firewall.stands(bridges, ports());
  }

  /** After a network came or went. */
  async updateRules(): Promise<void> {
    using _turn = await this.#parts.turns.acquire(RULES);
    const bridges = this.#bridges();
    await this.#parts.firewall.update(bridges);
    await this.#parts.foreign.sync(bridges.map((bridge) => bridge.bridge));
  }

  /** Veths on own bridges that are not among `known`: of attaches that were cut short, of containers that are gone. */
  async removeStrayVeths(known: ReadonlySet<number>): Promise<void> {
    const { links, reaper } = this.#parts;
    const all = await links.all();
    const bridges = new Set(this.#bridges().map((bridge) => bridge.bridge));
    const own = new Set(all.filter((link) => bridges.has(link.name)).map((link) => link.index));
    for (const link of all)
      if (link.kind === "veth" && link.master !== undefined && own.has(link.master) && !known.has(link.index))
        reaper.add(link.index, () => {});
    await reaper.drain();
  }

  /** Forgets what connection tracking knows of addresses in own subnets that nobody has. @param used those in use. */
  async forgetStrayFlows(used: readonly Address[]): Promise<void> {
    const bridged = this.#parts.registry.records().filter((network) => network.driver === "bridge");
    const gateways = bridged.flatMap((network) => bridgeAddresses(network).map(({ address }) => address));
    await this.#parts.flows.sweep(bridged.flatMap(subnetsOf), [...gateways, ...used]);
  }

  /** Removes rules and bridges. One that is the user's, or that something else is plugged into, stays. */
  async tearDown(): Promise<void> {
    const { links, firewall, foreign } = this.#parts;
    await firewall.remove();
    await foreign.sync([]);
    const all = await links.all();
    for (const { bridge, adopted } of this.#parts.registry.records()) {
      if (adopted !== undefined) continue;
      const index = all.find(({ name }) => name === bridge)?.index;
      if (index !== undefined && !all.some(({ master }) => master === index)) await links.remove(bridge);
    }
  }

  #bridges(): FirewalledBridge[] {
    return this.#parts.registry
      .records()
      .filter((network) => network.driver === "bridge")
      .map((network) => ({
        bridge: network.bridge,
        icc: network.icc,
        masquerade: network.masquerade,
        internal: network.internal,
        subnets: subnetsOf(network),
      }));
  }
}
