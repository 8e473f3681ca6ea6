/** Networks and endpoints as the API shows them. */
import type { EndpointResource, EndpointSettings, NetworkInspect } from "../api/index.ts";
import { parseCidr } from "./address.ts";
import { DEFAULT_GATEWAY } from "./records.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./records.ts";

/** An inspect body; Docker sends `Containers` although its document leaves it out. */
export type NetworkDescription = NetworkInspect & { Containers: Record<string, EndpointResource> };

export function describeNetwork(network: NetworkRecord, sandboxes: Iterable<SandboxRecord>): NetworkDescription {
  const containers: Record<string, EndpointResource> = {};
  for (const sandbox of sandboxes)
    for (const endpoint of sandbox.endpoints)
      if (endpoint.network === network.id) containers[sandbox.container] = endpointResource(network, sandbox, endpoint);
  const config = network.subnets.map((subnet) => ({
    Subnet: subnet.subnet,
    ...(subnet.ipRange === undefined ? {} : { IPRange: subnet.ipRange }),
    Gateway: subnet.gateway,
    ...(Object.keys(subnet.auxiliary).length === 0 ? {} : { AuxiliaryAddresses: subnet.auxiliary }),
  }));
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: network.ipv4,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: "default",
      // Docker sends null here for predefined networks; the document knows no null.
      Options: network.ipamOptions as Record<string, string>,
      Config: (network.subnets.length === 0 ? null : config) as typeof config,
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Options: network.options,
    Labels: network.labels,
    Containers: containers,
  };
}

function endpointResource(network: NetworkRecord, sandbox: SandboxRecord, endpoint: EndpointRecord): EndpointResource {
  return {
    Name: sandbox.request.name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac,
    IPv4Address: endpoint.ipv4 === undefined ? "" : `${endpoint.ipv4}/${prefixOf(network, 4)}`,
    IPv6Address: endpoint.ipv6 === undefined ? "" : `${endpoint.ipv6}/${prefixOf(network, 6)}`,
  };
}

/** The settings of an endpoint, what was asked for and what came of it. */
export function describeEndpoint(network: NetworkRecord, endpoint: EndpointRecord): EndpointSettings {
  return {
    ...endpoint.asked,
    MacAddress: endpoint.mac,
    NetworkID: network.id,
    EndpointID: endpoint.id,
    Gateway: endpoint.ipv4 === undefined ? "" : gatewayOf(network, 4),
    IPAddress: endpoint.ipv4 ?? "",
    IPPrefixLen: endpoint.ipv4 === undefined ? 0 : prefixOf(network, 4),
    IPv6Gateway: endpoint.ipv6 === undefined ? "" : gatewayOf(network, 6),
    GlobalIPv6Address: endpoint.ipv6 ?? "",
    GlobalIPv6PrefixLen: endpoint.ipv6 === undefined ? 0 : prefixOf(network, 6),
    ...(network.name === "bridge" || network.driver !== "bridge" ? {} : { DNSNames: endpoint.dnsNames }),
  };
}

/** Of the network's first subnet of that family. */
export function prefixOf(network: NetworkRecord, family: 4 | 6): number {
  for (const record of network.subnets) {
    const subnet = parseCidr(record.subnet)?.subnet;
    if (subnet?.family === family) return subnet.prefix;
  }
  return 0;
}

/** Where a container's default route of that family points; empty when the network has no such subnet. */
export function gatewayOf(network: NetworkRecord, family: 4 | 6): string {
  const subnet = network.subnets.find((item) => item.subnet.includes(":") === (family === 6));
  return subnet?.auxiliary[DEFAULT_GATEWAY[family]] ?? subnet?.gateway ?? "";
}
