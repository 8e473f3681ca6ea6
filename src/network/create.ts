/** From the body of a create request to a network's record: pure, so that every refusal is testable without a kernel. */
import type { NetworkCreateBody } from "../api/index.ts";
import { formatNanos, invalid, nowNanos, randomId } from "../base/index.ts";
import { contains, formatAddress, formatSubnet, overlaps, parseAddress, parseCidr } from "./address.ts";
import type { Subnet } from "./address.ts";
import type { NetworkConfig } from "./config.ts";
import {
  badOption,
  bridgeNameTaken,
  emptyNetworkName,
  invalidNetworkConfig,
  networkNameTaken,
  networkWithoutAddresses,
  onlyOneInstance,
  poolOverlap,
  predefinedName,
  unknownDriver,
  unsupportedIpamDriver,
} from "./errors.ts";
import { chooseSubnet, subnetProblems } from "./ipam.ts";
import type { NetworkRecord, SubnetRecord } from "./records.ts";

export const PREDEFINED = ["bridge", "host", "none"];

export const OPTION = {
  bridgeName: "com.docker.network.bridge.name",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  publishAddress: "com.docker.network.bridge.host_binding_ipv4",
  defaultBridge: "com.docker.network.bridge.default_bridge",
  gatewayMode4: "com.docker.network.bridge.gateway_mode_ipv4",
  gatewayMode6: "com.docker.network.bridge.gateway_mode_ipv6",
  mtu: "com.docker.network.driver.mtu",
  interfacePrefix: "com.docker.network.container_iface_prefix",
  ipv4: "com.docker.network.enable_ipv4",
  ipv6: "com.docker.network.enable_ipv6",
} as const;

export interface Surroundings {
  config: NetworkConfig;
  networks: readonly NetworkRecord[];
  /** Subnets that the host routes already: another engine's bridges, VPNs. */
  routed: readonly Subnet[];
}

/** @throws invalid, conflict, forbidden, not-found with Docker's texts. */
export function planNetwork(body: NetworkCreateBody, around: Surroundings): NetworkRecord {
  const driver = body.Driver === undefined || body.Driver === "" ? "bridge" : body.Driver;
  checkName(body.Name, around.networks);
  if (driver === "host" || driver === "null") throw onlyOneInstance(driver);
  if (driver !== "bridge") throw unknownDriver(driver);
  const ipamDriver = body.IPAM?.Driver ?? "default";
  if (ipamDriver !== "default" && ipamDriver !== "") throw unsupportedIpamDriver(ipamDriver);
  if (body.ConfigOnly === true || (body.ConfigFrom?.Network ?? "") !== "")
    throw invalid("configuration-only networks need swarm mode's drivers, which this daemon does not have");

  const id = randomId();
  const options = body.Options ?? {};
  const ipv4 = body.EnableIPv4 ?? flag(options, OPTION.ipv4, true);
  const ipv6 = body.EnableIPv6 ?? flag(options, OPTION.ipv6, false);
  if (!ipv4 && !ipv6) throw networkWithoutAddresses();
  const bridge = options[OPTION.bridgeName] ?? `${around.config.bridgePrefix}${id}`.slice(0, 15);
  checkBridgeName(bridge, id, around.networks);
  for (const mode of [OPTION.gatewayMode4, OPTION.gatewayMode6])
    if (!["nat", undefined].includes(options[mode])) throw badOption(mode, options[mode] ?? "");
  return {
    id,
    name: body.Name,
    driver,
    created: formatNanos(nowNanos()),
    internal: body.Internal ?? false,
    attachable: body.Attachable ?? false,
    ipv4,
    ipv6,
    options,
    labels: body.Labels ?? {},
    ipamOptions: body.IPAM?.Options ?? null,
    subnets: planSubnets(body, id, { ipv4, ipv6 }, around),
    bridge,
    mtu: number(options, OPTION.mtu, around.config.mtu),
    icc: flag(options, OPTION.icc, true),
    masquerade: flag(options, OPTION.masquerade, true),
    publishAddress: options[OPTION.publishAddress] ?? around.config.publishAddress,
    interfacePrefix: options[OPTION.interfacePrefix] ?? "eth",
  };
}

function checkName(name: string, networks: readonly NetworkRecord[]): void {
  if (name.trim() === "") throw emptyNetworkName();
  if (PREDEFINED.includes(name) || name === "default") throw predefinedName(name);
  if (networks.some((network) => network.name === name)) throw networkNameTaken(name);
}

function checkBridgeName(bridge: string, id: string, networks: readonly NetworkRecord[]): void {
  // Linux's own rules for interface names (dev_valid_name).
  if (!/^[^\s/:]{1,15}$/.test(bridge) || bridge === "." || bridge === "..") throw badOption(OPTION.bridgeName, bridge);
  if (networks.some((network) => network.bridge === bridge)) throw bridgeNameTaken(bridge, id);
}

function planSubnets(
  body: NetworkCreateBody,
  id: string,
  families: { ipv4: boolean; ipv6: boolean },
  { config, networks, routed }: Surroundings,
): SubnetRecord[] {
  const asked = (body.IPAM?.Config ?? []).filter((item) => (item.Subnet ?? "") !== "");
  for (const item of body.IPAM?.Config ?? [])
    if ((item.Subnet ?? "") === "" && (item.Gateway ?? "") !== "")
      throw invalidNetworkConfig([`no matching subnet for gateway ${item.Gateway}`]);
  const problems = asked.flatMap(subnetProblems);
  if (problems.length > 0) throw invalidNetworkConfig(problems);
  const records = asked.map(subnetRecord);
  const taken = networks.flatMap(subnetsOf);
  const own = records.flatMap((record) => parseCidr(record.subnet)?.subnet ?? []);
  for (const subnet of own) {
    if (taken.some((other) => overlaps(subnet, other))) throw poolOverlap();
    taken.push(subnet);
  }
  if (families.ipv4 && !own.some((subnet) => subnet.family === 4))
    records.push(withGateway(chooseSubnet(4, config.pools, [...taken, ...routed])));
  if (families.ipv6 && !own.some((subnet) => subnet.family === 6))
    records.push(withGateway(chooseSubnet(6, [...config.pools, uniqueLocal(id)], [...taken, ...routed])));
  return records.filter((record) => (record.subnet.includes(":") ? families.ipv6 : families.ipv4));
}

/**
 * A block of subnets that nobody else has (RFC 4193: fd00::/8 and 40 random bits, here those of the network's id, so that
 * a network keeps its prefix).
 */
export function uniqueLocal(id: string): NetworkConfig["pools"][number] {
  return { base: `fd${id.slice(0, 2)}:${id.slice(2, 6)}:${id.slice(6, 10)}::/48`, size: 64 };
}

function withGateway(subnet: Subnet): SubnetRecord {
  return {
    subnet: formatSubnet(subnet),
    ipRange: undefined,
    gateway: formatAddress({ family: subnet.family, value: subnet.base + 1n }),
    auxiliary: {},
    configured: false,
  };
}

function subnetRecord(item: {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string> | null;
}): SubnetRecord {
  const subnet = parseCidr(item.Subnet ?? "")?.subnet;
  if (subnet === undefined) throw invalidNetworkConfig(subnetProblems(item));
  const within = (text: string, what: string) => {
    const address = parseAddress(text);
    if (address === undefined) throw invalid(`invalid ${what} ${text}: invalid address`);
    if (!contains(subnet, address))
      throw invalidNetworkConfig([
        `invalid ${what} ${text}: parent subnet ${item.Subnet} doesn't contain this address`,
      ]);
    return formatAddress(address);
  };
  const auxiliary = Object.entries(item.AuxiliaryAddresses ?? {});
  return {
    subnet: formatSubnet(subnet),
    ipRange: item.IPRange === undefined || item.IPRange === "" ? undefined : item.IPRange,
    gateway:
      item.Gateway === undefined || item.Gateway === ""
        ? formatAddress({ family: subnet.family, value: subnet.base + 1n })
        : within(item.Gateway, "gateway"),
    auxiliary: Object.fromEntries(auxiliary.map(([name, text]) => [name, within(text, "auxiliary address")])),
    configured: true,
  };
}

export function subnetsOf(network: NetworkRecord): Subnet[] {
  return network.subnets.flatMap((record) => parseCidr(record.subnet)?.subnet ?? []);
}

function flag(options: Record<string, string>, name: string, otherwise: boolean): boolean {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw badOption(name, text);
}

function number(options: Record<string, string>, name: string, otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (!/^\d{2,5}$/.test(text)) throw badOption(name, text);
  return Number(text);
}
