import { conflict, EngineError, forbidden, invalid, messageOf, notFound, unavailable, unknown } from "../base/index.ts";

/** Texts are Docker's where clients match on them. */
export const networkNotFound = (ref: string) => notFound(`network ${ref} not found`);
export const ambiguousNetwork = (ref: string, count: number) =>
  invalid(`network ${ref} is ambiguous (${count} matches found on name)`);
export const networkNameTaken = (name: string) => conflict(`network with name ${name} already exists`);
export const emptyNetworkName = () => invalid("invalid name: name is empty");
export const predefinedName = (name: string) => forbidden(`operation is not permitted on predefined ${name} network`);
export const predefinedRemoval = (name: string) => forbidden(`${name} is a pre-defined network and cannot be removed`);
export const activeEndpoints = (network: string, endpoints: ReadonlyArray<{ name: string; id: string }>) => {
  const list = endpoints.map(({ name, id }) => `name:"${name}" id:"${id.slice(0, 12)}"`).join(", ");
  return forbidden(`error while removing network: network ${network} has active endpoints (${list})`);
};
export const unknownDriver = (driver: string) => notFound(`plugin "${driver}" not found`);
export const onlyOneInstance = (driver: string) => forbidden(`only one instance of "${driver}" network is allowed`);
export const unsupportedIpamDriver = (driver: string) => invalid(`ipam driver "${driver}" not found`);
export const poolOverlap = () => forbidden("invalid pool request: Pool overlaps with other one on this address space");
export const poolsExhausted = () => invalid("all predefined address pools have been fully subnetted");
export const invalidNetworkConfig = (problems: readonly string[]) =>
  invalid(`invalid network config:\n${problems.join("\n")}`);
export const bridgeNameTaken = (bridge: string, id: string) =>
  forbidden(
    `cannot create network ${id} (${bridge}): conflicts with network (${bridge}): networks have same bridge name`,
  );
export const badOption = (option: string, value: string) => invalid(`invalid value for option ${option}: "${value}"`);
export const networkWithoutAddresses = () => invalid("IPv4 or IPv6 must be enabled");

export const addressInUse = () => conflict("Address already in use");
export const addressesExhausted = () => unknown("no available IPv4 addresses on this network's address pools");
/** Settings of an endpoint have one or more faults. */
export const badEndpointSettings = (faults: readonly string[]) =>
  invalid(
    `invalid endpoint settings:\n${faults.length === 1 ? faults[0] : faults.map((fault) => `* ${fault.replaceAll("\n", "\n\t")}`).join("\n")}`,
  );
/** What is wrong with the settings of one of the networks that a container is to be made with. */
export const badEndpointOf = (network: string, cause: unknown) =>
  invalid(`invalid config for network ${network}: ${messageOf(cause)}`, { cause });
export const badMacAddress = (text: string) => invalid(`invalid MAC address ${text}`);
export const badLinkLocalAddress = (text: string) => invalid(`invalid link local IP address: ${text}`);
export const interfaceNotAdded = (hostInterface: string, reason: string, cause: unknown) =>
  unknown(`failed to add interface ${hostInterface} to sandbox: ${reason}`, { cause });
export const endpointExists = (container: string, network: string) =>
  forbidden(`endpoint with name ${container} already exists in network ${network}`);
export const notConnected = (container: string, network: string) =>
  forbidden(`container ${container} is not connected to network ${network}`);
export const hostNetworkConnect = () =>
  invalid("cannot connect container to host network - container must be created in host network mode");
export const noneNetworkConnect = () =>
  invalid("container cannot be connected to multiple networks with one of the networks in private (none) mode");

/** What stops a port from being published; becomes `driver failed programming …` where the endpoint is known. */
export const portAllocated = (address: string, port: number) =>
  conflict(`Bind for ${bracketed(address)}:${port} failed: port is already allocated`);
export const portsAllAllocated = () => conflict("all ports are allocated");
export const hostPortTaken = (address: string, port: number, target: string, reason: string, cause: unknown) =>
  conflict(`failed to bind host port for ${bracketed(address)}:${port}:${target}: ${reason}`, { cause });
export const badPort = (text: string) => invalid(`invalid port specification: "${text}"`);
export const badHostAddress = (text: string) => invalid(`invalid IP address: ${text}`);
export const protocolMissing = (protocol: string, cause?: unknown) =>
  invalid(`protocol not supported: ${protocol}`, { cause });

export const connectivityFailed = (endpointName: string, endpointId: string, cause: EngineError) =>
  new EngineError(
    cause.kind,
    `driver failed programming external connectivity on endpoint ${endpointName} (${endpointId}): ${cause.message}`,
    { cause },
  );

/** The kernel's packet filter. Boot fails with this text: it must tell the way out. */
export const noPacketFilter = (cause: unknown) =>
  unavailable(
    `the kernel's packet filter (netfilter, nf_tables) cannot be used: ${messageOf(cause)}; ` +
      "load its modules (modprobe -a nf_tables nft_nat nft_masq), or start the daemon with --iptables=false",
    { cause },
  );

/** Docker's words, and the way out. */
export const noBridgeFilter = () =>
  unavailable(
    "cannot restrict inter-container communication: the kernel does not show its packet filter what stays within a " +
      "bridge; load the module (modprobe br_netfilter)",
  );

/** The process that answers names and relays ports. */
export const netdFailed = (what: string) => unavailable(`the process for names of containers (berth netd) ${what}`);

const bracketed = (address: string) => (address.includes(":") ? `[${address}]` : address);
