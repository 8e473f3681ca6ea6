/** Endpoints before they have an interface: what may be asked, which addresses they get, what they are called. */
import { randomBytes } from "node:crypto";
import type { EndpointSettings } from "../api/index.ts";
import { randomId, shortId } from "../base/index.ts";
import { addressBytes, contains, formatAddress, formatMac, parseAddress, parseCidr, parseMac } from "./address.ts";
import type { Address, Family, InterfaceAddress } from "./address.ts";
import { gatewayOf, prefixOf } from "./describe.ts";
import { interfaceNameOf, optionFaults } from "./driver-options.ts";
import { addressesExhausted, badEndpointSettings, badLinkLocalAddress, badMacAddress } from "./errors.ts";
import type { VethPlan } from "./links.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./records.ts";
import { poolOf } from "./registry.ts";
import type { LiveNetwork } from "./registry.ts";

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
const LINK_LOCAL = ["169.254.0.0/16", "fe80::/10"].flatMap((text) => parseCidr(text)?.subnet ?? []);

/** @throws invalid with every fault of the settings, in Docker's words. */
export function checkEndpoint({ record, pools }: LiveNetwork, asked: EndpointSettings): void {
  const faults: string[] = [];
  const fixed = fixedAddresses(asked);
  const userDefined = record.name !== "bridge" && record.driver === "bridge";
  if (fixed.length > 0 && !userDefined)
    faults.push("user specified IP address is supported on user defined networks only");
  for (const { text, family } of fixed) {
    const address = parseAddress(text);
    const usable = address?.family === family && text !== "0.0.0.0" && text !== "::";
    if (!usable) faults.push(`invalid IPv${family} address: ${text}`);
    const subnets = pools.filter(({ pool }) => pool.subnet.family === family);
    if ((record.name !== "bridge" || subnets.length === 0) && !subnets.some(({ subnet }) => subnet.configured))
      faults.push(
        "user specified IP address is supported only when connecting to networks with user configured subnets",
      );
    else if (!usable || !subnets.some(({ pool }) => contains(pool.subnet, address)))
      faults.push(`no configured subnet or ip-range contain the IP address ${text}`);
  }
  for (const text of asked.IPAMConfig?.LinkLocalIPs ?? []) {
    if (parseAddress(text) === undefined) faults.push(`invalid link-local IP address: ${text}`);
  }
  if (!userDefined && (asked.Aliases ?? []).length > 0)
    faults.push("network-scoped alias is supported only for containers in user defined networks");
  faults.push(...optionFaults(asked));
  if (faults.length > 0) throw badEndpointSettings(faults);
  const mac = asked.MacAddress ?? "";
  if (mac !== "" && parseMac(mac) === undefined) throw badMacAddress(mac);
}

/** Addresses beside those that the network gives, for that one link. @throws invalid for one that is none. */
export function linkLocalAddresses(asked: EndpointSettings): InterfaceAddress[] {
  return (asked.IPAMConfig?.LinkLocalIPs ?? []).map((text) => {
    const address = parseAddress(text);
    const prefix = LINK_LOCAL.find((subnet) => address !== undefined && contains(subnet, address));
    if (address === undefined || prefix === undefined) throw badLinkLocalAddress(text);
    return { address, prefix: address.family === 4 ? 16 : 64 };
  });
}

function fixedAddresses(asked: EndpointSettings): Array<{ text: string; family: Family }> {
  const { IPv4Address = "", IPv6Address = "" } = asked.IPAMConfig ?? {};
  return [
    ...(IPv4Address === "" ? [] : [{ text: IPv4Address, family: 4 as const }]),
    ...(IPv6Address === "" ? [] : [{ text: IPv6Address, family: 6 as const }]),
  ];
}

/** Who the endpoint is for. */
export interface Owner {
  container: string;
  name: string;
  hostname: string;
  /** Names of interfaces that the container has already. */
  interfaces: readonly string[];
}

/**
 * Reserves the endpoint's addresses and decides its names; the interface is still to be made.
 * @throws conflict `Address already in use`, unknown when a pool is empty, invalid for an address of a link that is none.
 * Nothing is reserved then.
 */
export function reserveEndpoint(network: LiveNetwork, asked: EndpointSettings, owner: Owner): EndpointRecord {
  const { record } = network;
  const bridged = record.driver === "bridge";
  linkLocalAddresses(asked);
  const ipv4 = bridged && record.ipv4 ? takeAddress(network, 4, asked.IPAMConfig?.IPv4Address) : undefined;
  let ipv6: Address | undefined;
  try {
    ipv6 = bridged && record.ipv6 ? takeAddress(network, 6, asked.IPAMConfig?.IPv6Address) : undefined;
  } catch (error) {
    if (ipv4 !== undefined) poolOf(network, ipv4)?.release(ipv4);
    throw error;
  }
  return {
    id: randomId(),
    network: record.id,
    asked,
    ipv4: ipv4 && formatAddress(ipv4),
    ipv6: ipv6 && formatAddress(ipv6),
    mac: bridged ? macFor(asked.MacAddress, ipv4) : "",
    hostIndex: 0,
    hostInterface: `veth${randomBytes(4).toString("hex").slice(0, 7)}`,
    containerInterface: interfaceNameOf(asked) ?? freeInterface(record.interfacePrefix, owner.interfaces),
    dnsNames: dnsNamesOf(asked, owner),
  };
}

function takeAddress(network: LiveNetwork, family: Family, fixed: string | undefined): Address {
  const asked = fixed === undefined || fixed === "" ? undefined : parseAddress(fixed);
  if (asked !== undefined) {
    poolOf(network, asked)?.take(asked);
    return asked;
  }
  const pools = network.pools.filter(({ pool }) => pool.subnet.family === family);
  for (const [index, { pool }] of pools.entries()) {
    try {
      return pool.next();
    } catch (error) {
      if (index === pools.length - 1) throw error;
    }
  }
  throw addressesExhausted();
}

/** Marks the addresses of a kept endpoint as taken, after a restart. */
export function retakeAddresses(network: LiveNetwork, endpoint: EndpointRecord): void {
  for (const address of addressesOf(endpoint)) poolOf(network, address)?.take(address);
}

/** Gives an endpoint's addresses back to their pools. */
export function releaseAddresses(network: LiveNetwork, endpoint: EndpointRecord): void {
  for (const address of addressesOf(endpoint)) poolOf(network, address)?.release(address);
}

export function addressesOf(endpoint: EndpointRecord): Address[] {
  return [endpoint.ipv4, endpoint.ipv6].flatMap((text) => (text === undefined ? [] : (parseAddress(text) ?? [])));
}

/**
 * From the address, as Docker long did: neighbours that remember an address's MAC are still right when the address is
 * given to the next container.
 */
function macFor(asked: string | undefined, ipv4: Address | undefined): string {
  if (asked !== undefined && asked !== "") return formatMac(parseMac(asked) ?? Buffer.alloc(6));
  return formatMac(
    Buffer.concat([Buffer.from([0x02, 0x42]), ipv4 === undefined ? randomBytes(4) : addressBytes(ipv4)]),
  );
}

function freeInterface(prefix: string, taken: readonly string[]): string {
  for (let index = 0; ; index++) if (!taken.includes(`${prefix}${index}`)) return `${prefix}${index}`;
}

/** What other containers on a network of users find one by. */
export function dnsNamesOf(asked: EndpointSettings, owner: Omit<Owner, "interfaces">): string[] {
  return [...new Set([owner.name, ...(asked.Aliases ?? []), shortId(owner.container), owner.hostname])].filter(
    (name) => name !== "",
  );
}

/** The veth that an endpoint gets. @param isGateway default routes go through it. */
export function vethPlan(network: NetworkRecord, endpoint: EndpointRecord, isGateway: boolean): VethPlan {
  return {
    bridge: network.bridge,
    hostInterface: endpoint.hostInterface,
    containerInterface: endpoint.containerInterface,
    mtu: network.mtu,
    mac: endpoint.mac,
    addresses: addressesOf(endpoint).map((address) => ({ address, prefix: prefixOf(network, address.family) })),
    linkLocal: linkLocalAddresses(endpoint.asked),
    asked: endpoint.asked,
    gateways: isGateway ? gatewaysOf(network, endpoint) : [],
  };
}

/** Default routes through an endpoint: one for each family that it has an address of. */
export function gatewaysOf(network: NetworkRecord, endpoint: EndpointRecord): Address[] {
  if (network.internal) return [];
  return addressesOf(endpoint).flatMap(({ family }) => parseAddress(gatewayOf(network, family)) ?? []);
}

/** The endpoint whose network carries the default route: highest priority, then the network's name. */
export function chooseGateway(
  sandbox: SandboxRecord,
  networkOf: (id: string) => NetworkRecord | undefined,
): EndpointRecord | undefined {
  const candidates = sandbox.endpoints.flatMap((endpoint) => {
    const network = networkOf(endpoint.network);
    return network === undefined || network.internal || network.driver !== "bridge"
      ? []
      : [{ endpoint, name: network.name }];
  });
  candidates.sort(
    (a, b) => (b.endpoint.asked.GwPriority ?? 0) - (a.endpoint.asked.GwPriority ?? 0) || (a.name < b.name ? -1 : 1),
  );
  return candidates[0]?.endpoint;
}

/** The addresses that the bridge of a network carries. */
export function bridgeAddresses(network: Pick<NetworkRecord, "subnets">): InterfaceAddress[] {
  return network.subnets.flatMap((record) => {
    const address = parseAddress(record.gateway);
    const subnet = parseCidr(record.subnet)?.subnet;
    return address === undefined || subnet === undefined ? [] : [{ address, prefix: subnet.prefix }];
  });
}
