import type { EndpointSettings, PortMap, PortSummary } from "../../api/index.ts";
import { networkMode } from "../create/modes.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ShownNetworking, NetworkService } from "../../network/index.ts";

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

/** Members that Docker shows as null when they are not set. */
const NULLABLE = ["IPAMConfig", "Links", "Aliases", "DriverOpts", "DNSNames"] as const;

/** The container's networks as list and inspect show them. */
export function endpointsOf(
  entry: ContainerEntry,
  attached: ShownNetworking | undefined,
): Record<string, EndpointSettings> {
  const mode = networkMode(entry.record.hostConfig.NetworkMode);
  if (mode.kind === "container") return {};
  if (mode.kind !== "network") return { [mode.kind]: fullShape(EMPTY) };
  const asked = Object.entries(entry.record.endpoints).map(([name, settings]): [string, EndpointSettings] => [
    name,
    fullShape({ ...EMPTY, ...settings, ...attached?.endpoints[name] }),
  ]);
  return Object.fromEntries(asked);
}

function fullShape(settings: EndpointSettings): EndpointSettings {
  const nulls = Object.fromEntries(NULLABLE.map((key) => [key, null]));
  // The API's type leaves out that these may be null; Docker sends them so.
  return { ...nulls, ...settings };
}

/** Bound ports of a running container; exposed ones without a binding as null. */
export function portMap(entry: ContainerEntry, attached: ShownNetworking | undefined): PortMap {
  if (entry.state.phase.kind !== "running") return {};
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
