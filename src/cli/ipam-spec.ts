import type { IPAMConfig } from "../api/index.ts";
import { CliError } from "./errors.ts";
import { addressIn, overlaps, parseSubnet } from "./subnets.ts";

/** Puts ranges, gateways and kept addresses to the subnets that they belong to. @throws CliError with Docker's text. */
export function buildIpam(given: {
  subnets: readonly string[];
  ranges: readonly string[];
  gateways: readonly string[];
  auxiliary: Readonly<Record<string, string>>;
}): IPAMConfig[] {
  if (given.subnets.length < given.ranges.length || given.subnets.length < given.gateways.length) {
    throw new CliError("every ip-range or gateway must have a corresponding subnet");
  }
  const configs = new Map<string, IPAMConfig>();
  for (const text of given.subnets) {
    // One subnet alone is not looked at: the engine says what is wrong with it
    for (const other of configs.keys())
      if (overlaps(parseSubnet(other), parseSubnet(text)))
        throw new CliError("multiple overlapping subnet configuration is not supported");
    configs.set(text, { Subnet: text });
  }
  const holderOf = (holds: (subnet: string) => boolean, what: string) => {
    const found = [...configs.values()].find(({ Subnet = "" }) => holds(Subnet));
    if (found === undefined) throw new CliError(`no matching subnet for ${what}`);
    return found;
  };
  for (const range of given.ranges) {
    const parsed = parseSubnet(range);
    const config = holderOf((subnet) => overlaps(parseSubnet(subnet), parsed), `range ${range}`);
    if (config.IPRange !== undefined)
      throw new CliError(
        `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet ?? ""})`,
      );
    config.IPRange = range;
  }
  for (const gateway of given.gateways) {
    const config = holderOf((subnet) => addressIn(gateway, parseSubnet(subnet)), `gateway ${gateway}`);
    if (config.Gateway !== undefined)
      throw new CliError(
        `cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet ?? ""})`,
      );
    config.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(given.auxiliary)) {
    const config = holderOf((subnet) => addressIn(address, parseSubnet(subnet)), `aux-address ${address}`);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return [...configs.values()];
}
