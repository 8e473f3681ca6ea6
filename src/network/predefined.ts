/** The networks that are always there: `bridge` by the daemon's options, `host`, `none`. */
import { formatNanos, invalid, nowNanos, randomId } from "../base/index.ts";
import { formatAddress, formatSubnet, parseAddress, parseCidr } from "./address.ts";
import type { Subnet } from "./address.ts";
import type { NetworkConfig } from "./config.ts";
import { OPTION, subnetsOf } from "./create.ts";
import { chooseSubnet } from "./ipam.ts";
import { DEFAULT_GATEWAY } from "./records.ts";
import type { Driver, NetworkRecord, SubnetRecord } from "./records.ts";

/**
 * The predefined networks as the options want them now; those that exist keep id, time, and an unnamed subnet.
 * @param routed subnets that the host routes, the default bridge's own left out.
 */
export function predefinedNetworks(
  config: NetworkConfig,
  existing: readonly NetworkRecord[],
  routed: readonly Subnet[],
): NetworkRecord[] {
  const plain = [plainNetwork("host", "host", existing), plainNetwork("none", "null", existing)];
  if (config.bridgeName === undefined) return plain;
  return [defaultBridge(config, config.bridgeName, existing, routed), ...plain];
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
  routed: readonly Subnet[],
): NetworkRecord {
  return {
    ...plainNetwork("bridge", "bridge", existing),
    options: {
      [OPTION.defaultBridge]: "true",
      [OPTION.icc]: String(config.icc),
      [OPTION.masquerade]: String(config.masquerade),
      [OPTION.publishAddress]: config.publishAddress,
      [OPTION.bridgeName]: bridge,
      [OPTION.mtu]: String(config.mtu),
    },
    subnets: [defaultSubnet(config, existing, routed)],
    bridge,
    mtu: config.mtu,
    icc: config.icc,
    masquerade: config.masquerade,
    publishAddress: config.publishAddress,
  };
}

function defaultSubnet(
  config: NetworkConfig,
  existing: readonly NetworkRecord[],
  routed: readonly Subnet[],
): SubnetRecord {
  const range = config.fixedCidr === undefined ? undefined : cidr("fixed-cidr", config.fixedCidr);
  const gateway = config.defaultGateway;
  if (gateway !== undefined && parseAddress(gateway) === undefined)
    throw invalid(`invalid default-gateway "${gateway}": expected an IP address`);
  const named = config.bip === undefined ? undefined : cidr("bip", config.bip);
  const old = existing.find((network) => network.name === "bridge")?.subnets[0];
  const subnet =
    named?.subnet ?? keptSubnet(old) ?? chooseSubnet(config.pools, [...existing.flatMap(subnetsOf), ...routed]);
  const bridgeAddress = named?.address ?? { family: subnet.family, value: subnet.base + 1n };
  return {
    subnet: formatSubnet(subnet),
    ipRange: range === undefined ? undefined : formatSubnet(range.subnet),
    gateway: formatAddress(bridgeAddress),
    auxiliary: gateway === undefined ? {} : { [DEFAULT_GATEWAY]: gateway },
    configured: false,
  };
}

/** A subnet that was chosen is kept: containers and firewalls may know it. */
function keptSubnet(old: SubnetRecord | undefined): Subnet | undefined {
  return old === undefined ? undefined : parseCidr(old.subnet)?.subnet;
}

function cidr(option: string, text: string) {
  const parsed = parseCidr(text);
  if (parsed === undefined)
    throw invalid(`invalid ${option} "${text}": expected an address and prefix, such as 172.17.0.1/16`);
  return parsed;
}
