import type { EndpointIPAMConfig, EndpointSettings, PortMap, PortSummary } from "../../api/index.ts";
import { dnsNamesOf } from "../../network/index.ts";
import type { ShownNetworking, NetworkService } from "../../network/index.ts";
import type { ContainerEntry } from "../entry.ts";

/** An endpoint that has no address yet, in its full shape. */
const EMPTY: EndpointSettings = {
  MacAddress: "",
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
};

/** The container's networks as list and inspect show them. */
export function endpointsOf(
  entry: ContainerEntry,
  attached: ShownNetworking | undefined,
  networks: Pick<NetworkService, "identify">,
): Record<string, EndpointSettings> {
  const asked = Object.entries(entry.record.endpoints).map(([name, settings]): [string, EndpointSettings] => [
    name,
    inOrder({ ...EMPTY, ...settings, ...beforeRun(entry, name, networks), ...attached?.endpoints[name] }),
  ]);
  return Object.fromEntries(asked);
}

/** What is still known of the network of a container's last run. */
function beforeRun(
  entry: ContainerEntry,
  network: string,
  networks: Pick<NetworkService, "identify">,
): Partial<EndpointSettings> {
  if (entry.state.startedAt === "" || entry.state.phase.kind === "running") return {};
  const { config, name, endpoints } = entry.record;
  const known = networks.identify(network);
  if (known === undefined) return {};
  const names = dnsNamesOf(endpoints[network] ?? {}, { container: entry.id, name, hostname: config.Hostname ?? "" });
  const isUserDefined = !["bridge", "host", "none"].includes(network);
  return { NetworkID: known.id, ...(isUserDefined ? { DNSNames: names } : {}) };
}

/** In Docker's order of members, of which the first few are null when they are not set. */
function inOrder(settings: EndpointSettings): EndpointSettings {
  const { IPAMConfig, Links, Aliases, MacAddress, DriverOpts, GwPriority, DNSNames, ...found } = settings;
  const ordered = {
    IPAMConfig: IPAMConfig ? withoutEmpty(IPAMConfig) : null,
    Links: Links ?? null,
    Aliases: Aliases ?? null,
    MacAddress,
    DriverOpts: DriverOpts ?? null,
    GwPriority,
    ...found,
    DNSNames: DNSNames ?? null,
  };
  return ordered as EndpointSettings; // the API's type leaves out that Docker sends null for these
}

function withoutEmpty(addresses: EndpointIPAMConfig): EndpointIPAMConfig {
  return Object.fromEntries(Object.entries(addresses ?? {}).filter(([, value]) => (value?.length ?? 0) > 0));
}

/** Networks in which a container has nothing of its own. */
const WITHOUT_PORTS = new Set(["host", "none"]);

/** Bound ports of a running container; exposed ones without a binding as null. */
export function portMap(entry: ContainerEntry, attached: ShownNetworking | undefined): PortMap {
  if (entry.state.phase.kind !== "running") return {};
  if (Object.keys(entry.record.endpoints).every((name) => WITHOUT_PORTS.has(name))) return {};
  const exposed = Object.keys(entry.record.config.ExposedPorts ?? {}).map((port) => [withProtocol(port), null]);
  return { ...Object.fromEntries(exposed), ...attached?.ports };
}

function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

export function portSummaries(ports: PortMap): PortSummary[] {
  return Object.entries(ports).flatMap(([port, bindings]): PortSummary[] => {
    const [number, type = "tcp"] = port.split("/");
    const Type = type as PortSummary["Type"]; // the network layer checked it
    const PrivatePort = Number(number);
    if (bindings === null || bindings.length === 0) return [{ PrivatePort, Type }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp ?? "",
      PrivatePort,
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}

export function attachedOf(
  entry: ContainerEntry,
  networks: Pick<NetworkService, "shown">,
): ShownNetworking | undefined {
  return entry.state.phase.kind === "running" ? networks.shown(entry.id) : undefined;
}
