import type { EndpointSettings } from "../api/index.ts";
import { CliError, FlagError } from "./errors.ts";
import { splitCsv } from "./flags.ts";

export interface NetworkAttachment {
  name: string;
  endpoint: EndpointSettings;
}

/** `--network name=front,alias=web,ip=…` or just a name. @throws FlagError */
export function parseNetwork(text: string): NetworkAttachment {
  if (!text.includes("=")) return { name: text, endpoint: {} };
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
        if (!/^-?\d+$/.test(value)) throw new FlagError(`invalid gw-priority: ${value}`);
        endpoint.GwPriority = Number(value);
        break;
      case "driver-opt": {
        const at = value.indexOf("=");
        if (at === -1) throw new FlagError("invalid key value pair format in driver options");
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

/**
 * All `--network` flags with the older ones that speak of the first network (`--ip`, `--network-alias`, `--link`, …).
 * @throws CliError when the two ways contradict each other.
 */
export function parseNetworks(
  networks: readonly string[],
  single: {
    aliases: readonly string[];
    links: readonly string[];
    ip: string;
    ip6: string;
    linkLocal: readonly string[];
    mac: string;
  },
): { mode: string; endpoints: Record<string, EndpointSettings>; links: readonly string[] } {
  const parsed = networks.map(parseNetwork);
  const [first = { name: "default", endpoint: {} }] = parsed;
  const isUserDefined =
    !["default", "bridge", "host", "none"].includes(first.name) && !first.name.startsWith("container:");
  const { endpoint } = first;
  if (single.aliases.length > 0) endpoint.Aliases = [...(endpoint.Aliases ?? []), ...single.aliases];
  if (single.links.length > 0 && isUserDefined) endpoint.Links = [...single.links];
  if (single.ip !== "") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: single.ip };
  if (single.ip6 !== "") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: single.ip6 };
  if (single.linkLocal.length > 0)
    endpoint.IPAMConfig = { ...endpoint.IPAMConfig, LinkLocalIPs: [...single.linkLocal] };
  if (single.mac !== "") endpoint.MacAddress = single.mac;
  const endpoints: Record<string, EndpointSettings> = {};
  for (const { name, endpoint: each } of parsed.length === 0 ? [first] : parsed) {
    if (Object.hasOwn(endpoints, name))
      throw new CliError(`network ${JSON.stringify(name)} is specified multiple times`);
    if (parsed.length > 1 && (["host", "none"].includes(name) || name.startsWith("container:"))) {
      throw new CliError("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
    }
    endpoints[name] = each;
  }
  const worthSending = parsed.length > 0 || Object.keys(endpoint).length > 0;
  return { mode: first.name, endpoints: worthSending ? endpoints : {}, links: isUserDefined ? [] : single.links };
}
