import type { EndpointSettings, HostConfig, NetworkingConfig } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import type { ContainerNetworking, NetworkTask } from "../../network/index.ts";
import type { Task } from "../../runtime/index.ts";
import type { ContainerRecord } from "../record.ts";
import { networkMode } from "./modes.ts";

/** A run of a container, as the network layer takes it. */
export function networkTask(task: Task): NetworkTask {
  return { netnsPath: task.namespacePath("net"), ports: task };
}

/**
 * Networks that the container joins, with its settings on each.
 * @throws invalid `EndpointsConfig is nil`, and for networks beside a namespace that is none of the container's own.
 */
export function wantedEndpoints(
  host: HostConfig,
  networking: NetworkingConfig | undefined,
): Record<string, EndpointSettings> {
  const mode = networkMode(host.NetworkMode);
  if (mode.kind !== "network") {
    checkNoOthers(host.NetworkMode ?? "", networking);
    return {};
  }
  const asked: Record<string, EndpointSettings> = {};
  for (const [name, settings] of Object.entries(networking?.EndpointsConfig ?? {})) {
    // JSON may hold null where the type does not say so.
    if ((settings as EndpointSettings | null) === null) {
      throw invalid(`invalid config for network ${name}: EndpointsConfig is nil`);
    }
    asked[name === "default" ? "bridge" : name] = settings;
  }
  const isDefault = mode.name === "bridge";
  if (isDefault && Object.keys(asked).length > 0) return asked;
  return Object.hasOwn(asked, mode.name) ? asked : { [mode.name]: {}, ...asked };
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
