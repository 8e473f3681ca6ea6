/** The networks that are always there: `bridge` by the daemon's options, `host`, `none`. */
import { formatNanos, invalid, nowNanos, randomId } from "../base/index.ts";
import { contains, formatAddress, formatInterfaceAddress, formatSubnet, parseAddress, parseCidr } from "./address.ts";
import type { Family, InterfaceAddress, Subnet } from "./address.ts";
import { OWN_BRIDGE } from "./config.ts";
import type { NetworkConfig } from "./config.ts";
import { OPTION, subnetsOf, uniqueLocal } from "./create.ts";
import { bridgeAddresses } from "./endpoints.ts";
import { chooseSubnet } from "./ipam.ts";
import { DEFAULT_GATEWAY } from "./records.ts";
import type { Driver, NetworkRecord, SubnetRecord } from "./records.ts";

/**
 * The predefined networks as the options want them now; those that exist keep id, time, and an unnamed subnet.
 */
export function predefinedNetworks(
  config: NetworkConfig,
  existing: readonly NetworkRecord[],
  host: HostNow,
): NetworkRecord[] {
  const plain = [plainNetwork("host", "host", existing), plainNetwork("none", "null", existing)];
  if (config.bridgeName === undefined) return plain;
  return [defaultBridge(config, config.bridgeName, existing, host), ...plain];
}

/** What the host has before anything is made. */
export interface HostNow {
  /** Subnets that it routes, the default bridge's own left out. */
  routed: readonly Subnet[];
  /** Addresses of the default bridge, when that is there. */
  onBridge: readonly InterfaceAddress[] | undefined;
}

function identity(name: string, existing: readonly NetworkRecord[]): Pick<NetworkRecord, "id" | "created"> {
  const old = existing.find((network) => network.name === name);
  return { id: old?.id ?? randomId(), created: old?.created ?? formatNanos(nowNanos()) };
}

function plainNetwork(name: string, driver: Driver, existing: readonly NetworkRecord[]): NetworkRecord {
  return {
    ...identity(name, existing),
    name,
    driver,
    internal: false,
    attachable: false,
    ipv4: true,
    ipv6: false,
    options: {},
    labels: {},
    ipamOptions: null,
    subnets: [],
    bridge: "",
    mtu: 0,
    icc: true,
    masquerade: false,
    publishAddress: "",
    interfacePrefix: "eth",
  };
}

function defaultBridge(
  config: NetworkConfig,
  bridge: string,
  existing: readonly NetworkRecord[],
  { routed, onBridge }: HostNow,
): NetworkRecord {
  const plain = plainNetwork("bridge", "bridge", existing);
  const old = existing.find((network) => network.name === "bridge" && network.bridge === bridge);
  const adopted = adoptedAddresses(bridge, old, onBridge?.map(formatInterfaceAddress));
  const subnets = defaultSubnets(config, plain.id, existing, { routed, adopted: adopted ?? [] });
  const own = ownAddresses({ subnets });
  // Of a bridge whose network was lost with its data root, all: it is ours by its name.
  const before = old === undefined ? (onBridge ?? []).map(formatInterfaceAddress) : ownAddresses(old);
  const former = [...(old?.former ?? []), ...before].filter((text) => ![...own, ...(adopted ?? [])].includes(text));
  return {
    ...plain,
    ...(adopted === undefined ? {} : { adopted }),
    ...(former.length === 0 ? {} : { former: [...new Set(former)] }),
    options: {
      [OPTION.defaultBridge]: "true",
      [OPTION.icc]: String(config.icc),
      [OPTION.masquerade]: String(config.masquerade),
      [OPTION.publishAddress]: config.publishAddress,
      [OPTION.bridgeName]: bridge,
      [OPTION.mtu]: String(config.mtu),
    },
    ipv6: config.ipv6,
    subnets,
    bridge,
    mtu: config.mtu,
    icc: config.icc,
    masquerade: config.masquerade,
    publishAddress: config.publishAddress,
  };
}

/**
 * The user's addresses of a bridge that was there before the network, and was named by him; undefined for one of ours.
 * @param onBridge what it has now, with ours.
 */
function adoptedAddresses(
  bridge: string,
  old: NetworkRecord | undefined,
  onBridge: readonly string[] | undefined,
): string[] | undefined {
  if (old === undefined) return bridge === OWN_BRIDGE || onBridge === undefined ? undefined : [...onBridge];
  if (old.adopted === undefined || onBridge === undefined) return old.adopted;
  const given = [...ownAddresses(old), ...(old.former ?? [])].filter((text) => old.adopted?.includes(text) === false);
  return onBridge.filter((text) => !given.includes(text));
}

const ownAddresses = (network: Pick<NetworkRecord, "subnets">) => bridgeAddresses(network).map(formatInterfaceAddress);

/** One for each family; in Docker's order, which has those first that were named. */
function defaultSubnets(
  config: NetworkConfig,
  id: string,
  existing: readonly NetworkRecord[],
  { routed, adopted }: { routed: readonly Subnet[]; adopted: readonly string[] },
): SubnetRecord[] {
  const old = existing.find((network) => network.name === "bridge")?.subnets ?? [];
  const inUse = [...existing.flatMap(subnetsOf), ...routed];
  const subnet4 = defaultSubnet(
    {
      family: 4,
      names: { address: "bip", range: "fixed-cidr", gateway: "default-gateway" },
      address: config.bip,
      range: config.fixedCidr,
      gateway: config.defaultGateway,
      adopted,
    },
    old,
    () => chooseSubnet(4, config.pools, inUse),
  );
  if (!config.ipv6) return [subnet4];
  const subnet6 = defaultSubnet(
    {
      family: 6,
      names: { address: "bip6", range: "fixed-cidr-v6", gateway: "default-gateway-v6" },
      address: config.bip6,
      range: config.fixedCidr6,
      gateway: config.defaultGateway6,
      adopted,
    },
    old,
    (range) => range ?? chooseSubnet(6, [...config.pools, uniqueLocal(id)], inUse),
  );
  return config.bip6 === undefined && config.fixedCidr6 === undefined ? [subnet4, subnet6] : [subnet6, subnet4];
}

/** What the options say of the default bridge's subnet of one family. */
interface SubnetOptions {
  family: Family;
  names: { address: string; range: string; gateway: string };
  /** The bridge's address and subnet. */
  address: string | undefined;
  range: string | undefined;
  gateway: string | undefined;
  /** Addresses of the user's own bridge: the first one counts when none is named. */
  adopted: readonly string[];
}

function defaultSubnet(
  options: SubnetOptions,
  old: readonly SubnetRecord[],
  choose: (range: Subnet | undefined) => Subnet,
): SubnetRecord {
  const { family, names, gateway } = options;
  const range = cidr(family, names.range, options.range);
  const named =
    cidr(family, names.address, options.address) ??
    options.adopted.flatMap((text) => parseCidr(text) ?? []).find((each) => each.subnet.family === family);
  const subnet = named?.subnet ?? keptSubnet(family, old, range?.subnet) ?? choose(range?.subnet);
  const bridgeAddress = named?.address ?? { family, value: subnet.base + 1n };
  return {
    subnet: formatSubnet(subnet),
    ipRange: range === undefined ? undefined : formatSubnet(range.subnet),
    gateway: formatAddress(bridgeAddress),
    auxiliary: gateway === undefined ? {} : { [DEFAULT_GATEWAY[family]]: checkGateway(names.gateway, gateway, subnet) },
    configured: false,
  };
}

/** @throws invalid, with Docker's text for one that is not in the subnet. */
function checkGateway(option: string, text: string, subnet: Subnet): string {
  const address = parseAddress(text);
  if (address === undefined) throw invalid(`invalid ${option} "${text}": expected an IP address`);
  if (!contains(subnet, address))
    throw invalid(
      `auxiliary address: (${DEFAULT_GATEWAY[subnet.family]}:${text}) must belong to the master pool: ${formatSubnet(subnet)}`,
    );
  return text;
}

/** A subnet that was chosen is kept: containers and firewalls may know it. Not when a range is named that it lacks. */
function keptSubnet(family: Family, old: readonly SubnetRecord[], range: Subnet | undefined): Subnet | undefined {
  const kept = old.flatMap((record) => parseCidr(record.subnet)?.subnet ?? []).find((each) => each.family === family);
  if (family === 4 || range === undefined || kept === undefined) return kept;
  return contains(kept, { family, value: range.base }) ? kept : undefined;
}

function cidr(family: Family, option: string, text: string | undefined) {
  if (text === undefined) return undefined;
  const parsed = parseCidr(text);
  if (parsed?.subnet.family === family) return parsed;
  const example = family === 4 ? "172.17.0.1/16" : "fd00:1::1/64";
  throw invalid(`invalid ${option} "${text}": expected an address and prefix, such as ${example}`);
}
