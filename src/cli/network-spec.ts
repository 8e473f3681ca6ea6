import type { EndpointSettings } from "../api/index.ts";
import { CliError, FlagError } from "./errors.ts";
import { splitCsv } from "./flags.ts";

export interface NetworkAttachment {
  name: string;
  endpoint: EndpointSettings;
}

/** `--network name=front,alias=web,ip=…` or just a name. @throws FlagError */
export function parseNetwork(text: string): NetworkAttachment {
  // Whatever has no `key=value` in it is a name, however odd
  if (!text.includes("=") || !/\w=\w/.test(text)) return { name: text, endpoint: {} };
  let name = "";
  const endpoint: EndpointSettings = {};
  for (const field of splitCsv(text)) {
    const equals = field.indexOf("=");
    if (equals <= 0) throw new FlagError(`invalid field ${field}`);
    const key = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    switch (key) {
      case "name":
        name = value;
        break;
      case "alias":
        endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
        break;
      case "ip":
        endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: value };
        break;
      case "ip6":
        endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: value };
        break;
      case "link-local-ip":
        endpoint.IPAMConfig = {
          ...endpoint.IPAMConfig,
          LinkLocalIPs: [...(endpoint.IPAMConfig?.LinkLocalIPs ?? []), value],
        };
        break;
      case "mac-address":
        endpoint.MacAddress = value;
        break;
      case "gw-priority":
        if (!/^[+-]?\d+$/.test(value)) throw new FlagError(`invalid gw-priority (${value}): invalid syntax`);
        endpoint.GwPriority = Number(value);
        if (!Number.isSafeInteger(endpoint.GwPriority))
          throw new FlagError(`invalid gw-priority (${value}): value out of range`);
        break;
      case "driver-opt": {
        const at = value.indexOf("=");
        if (at <= 0) throw new FlagError("invalid key value pair format in driver options");
        endpoint.DriverOpts = {
          ...endpoint.DriverOpts,
          [value.slice(0, at).toLowerCase()]: value.slice(at + 1).toLowerCase(),
        };
        break;
      }
      default:
        throw new FlagError(`invalid field key ${key}`);
    }
  }
  if (name === "") throw new FlagError("network name/id is not specified");
  return { name, endpoint };
}

function isUserDefined(name: string): boolean {
  return !["default", "bridge", "host", "none"].includes(name) && !name.startsWith("container:");
}

interface SingleFlags {
  aliases: readonly string[];
  links: readonly string[];
  ip: string;
  ip6: string;
  linkLocal: readonly string[];
  mac: string;
}

/** @throws CliError when the first network says itself what a flag of its own says too. */
function refuseTwice(endpoint: EndpointSettings, single: SingleFlags): void {
  const refuse = (both: boolean, flag: string, what: string) => {
    if (both) throw new CliError(`conflicting options: cannot specify both --${flag} and per-network ${what}`);
  };
  const addresses = endpoint.IPAMConfig ?? {};
  refuse(single.aliases.length > 0 && endpoint.Aliases !== undefined, "network-alias", "alias");
  refuse(single.ip !== "" && addresses.IPv4Address !== undefined, "ip", "IPv4 address");
  refuse(single.ip6 !== "" && addresses.IPv6Address !== undefined, "ip6", "IPv6 address");
  refuse(single.mac !== "" && endpoint.MacAddress !== undefined, "mac-address", "MAC address");
  const linkLocal = single.linkLocal.length > 0 && addresses.LinkLocalIPs !== undefined;
  refuse(linkLocal, "link-local-ip", "link-local IP addresses");
}

/** @throws CliError for a network without a name, and for what an endpoint there cannot have. */
function checkEndpoint(name: string, { Aliases = [], MacAddress = "" }: EndpointSettings): void {
  if (name.trim() === "") throw new CliError("no name set for network");
  if (!isUserDefined(name) && Aliases.length > 0)
    throw new CliError("network-scoped aliases are only supported for user-defined networks");
  if (MacAddress !== "" && !MAC.test(MacAddress.trim())) throw new CliError(`${MacAddress} is not a valid mac address`);
}

const MAC = /^(?:[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})$/i;

/**
 * All `--network` flags with the older ones that speak of the first network (`--ip`, `--network-alias`, `--link`, …).
 * @throws CliError when the two ways contradict each other.
 */
export function parseNetworks(
  networks: readonly string[],
  single: SingleFlags,
): { mode: string; endpoints: Record<string, EndpointSettings>; links: readonly string[] } {
  const parsed = networks.map(parseNetwork);
  const [first = { name: "default", endpoint: {} }] = parsed;
  const { endpoint } = first;
  refuseTwice(endpoint, single);
  if (single.aliases.length > 0) endpoint.Aliases = [...(endpoint.Aliases ?? []), ...single.aliases];
  if (single.links.length > 0 && isUserDefined(first.name)) endpoint.Links = [...single.links];
  if (single.ip !== "") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: single.ip };
  if (single.ip6 !== "") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: single.ip6 };
  if (single.linkLocal.length > 0)
    endpoint.IPAMConfig = { ...endpoint.IPAMConfig, LinkLocalIPs: [...single.linkLocal] };
  if (single.mac !== "") endpoint.MacAddress = single.mac;
  const all = parsed.length === 0 ? [first] : parsed;
  const endpoints: Record<string, EndpointSettings> = {};
  for (const { name, endpoint: each } of all) {
    checkEndpoint(name, each);
    if (Object.hasOwn(endpoints, name))
      throw new CliError(`network ${JSON.stringify(name)} is specified multiple times`);
    endpoints[name] = each;
  }
  if (new Set(all.map(({ name }) => isUserDefined(name))).size > 1)
    throw new CliError("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  const worthSending = parsed.length > 0 || Object.keys(endpoint).length > 0;
  const links = isUserDefined(first.name) ? [] : single.links;
  return { mode: first.name, endpoints: worthSending ? endpoints : {}, links };
}
