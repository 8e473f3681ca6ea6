import type { EndpointSettings, HostConfig, NetworkingConfig } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import { hostNetworkConnect, noneNetworkConnect } from "../../network/index.ts";
import type { ContainerNetworking, NetworkTask } from "../../network/index.ts";
import type { Task } from "../../runtime/index.ts";
import type { ContainerRecord } from "../record.ts";
import { networkMode } from "./modes.ts";

/** A run of a container, as the network layer takes it. */
export function networkTask(task: Task): NetworkTask {
  return { netnsPath: task.namespacePath("net"), ports: task };
}

/**
 * Networks that the container joins by their names, with its settings on each.
 * @param nameOf the name of a network that may be told by its id.
 * @throws invalid `EndpointsConfig is nil`, and for networks beside a namespace that is none of the container's own.
 */
export function wantedEndpoints(
  host: HostConfig,
  networking: NetworkingConfig | undefined,
  nameOf: (ref: string) => string,
): Record<string, EndpointSettings> {
  const mode = networkMode(host.NetworkMode);
  if (mode.kind !== "network") checkNoOthers(host.NetworkMode ?? "", networking);
  if (mode.kind === "container") return {};
  const asked: Record<string, EndpointSettings> = {};
  for (const [name, settings] of Object.entries(networking?.EndpointsConfig ?? {})) {
    // JSON may hold null where the type does not say so.
    if ((settings as EndpointSettings | null) === null) {
      throw invalid(`invalid config for network ${name}: EndpointsConfig is nil`);
    }
    asked[nameOf(name === "default" ? "bridge" : name)] = settings;
  }
  const main = mode.kind === "network" ? nameOf(mode.name) : mode.kind;
  const withMain = main === "bridge" && Object.keys(asked).length > 0;
  const wanted = withMain || Object.hasOwn(asked, main) ? asked : { [main]: {}, ...asked };
  checkAlone(mode.kind, wanted);
  return wanted;
}

/** No network and the host's do not go with others, and the host's goes with its namespace alone. */
function checkAlone(kind: "none" | "host" | "network", wanted: Record<string, EndpointSettings>): void {
  if (kind !== "host" && Object.hasOwn(wanted, "host")) throw hostNetworkConnect();
  if (Object.hasOwn(wanted, "none") && Object.keys(wanted).length > 1) throw noneNetworkConnect();
}

/** True for a container that is on a network with interfaces: `none` and `host` give it none. */
export function hasInterfaces({ endpoints }: Pick<ContainerRecord, "endpoints">): boolean {
  return Object.keys(endpoints).some((name) => name !== "none" && name !== "host");
}

/** Docker puts interfaces into the host's own namespace, and forgets about networks beside another container's. */
function checkNoOthers(mode: string, networking: NetworkingConfig | undefined): void {
  // Whose namespace it is may be told by a name here, and by an id in the mode.
  const isShared = mode.startsWith("container:");
  const other = Object.keys(networking?.EndpointsConfig ?? {}).find(
    (name) => name !== mode && !(isShared && name.startsWith("container:")),
  );
  if (other === undefined) return;
  throw invalid(`conflicting options: a container with the network mode "${mode}" cannot join the network "${other}"`);
}

/** What the network layer needs to know of a container. */
export function networkingOf(record: ContainerRecord): ContainerNetworking {
  const { config, hostConfig: host } = record;
  return {
    id: record.id,
    name: record.name,
    hostname: config.Hostname ?? "",
    domainname: config.Domainname,
    endpoints: { ...record.endpoints },
    ports: Object.fromEntries(
      Object.entries(host.PortBindings ?? {}).map(([port, bindings]) => [port, bindings ?? []]),
    ),
    exposed: Object.keys(config.ExposedPorts ?? {}),
    publishAll: host.PublishAllPorts === true,
    dns: { servers: host.Dns ?? [], search: host.DnsSearch ?? [], options: host.DnsOptions ?? [] },
    links: host.Links ?? [],
  };
}
