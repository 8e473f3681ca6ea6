import { existsSync } from "node:fs";
import { asEngineError, crashPoint, type KeyedLock } from "../base/index.ts";
import { parseAddress } from "./address.ts";
import { connectivityFailed } from "./errors.ts";
import type { Firewall, PortForward } from "./firewall/firewall.ts";
import type { Flows } from "./firewall/flows.ts";
import type { HostPorts } from "./ports/host-ports.ts";
import { planPorts } from "./ports/plan.ts";
import type { EndpointRecord, NetworkRecord, PortMap, PublishedPort, SandboxRecord } from "./records.ts";
import type { PortSupervisor } from "./types.ts";
import { RULES } from "./host.ts";

const hostHasIpv6 = existsSync("/proc/net/if_inet6");

/** Published ports of sandboxes: held on the host, and redirected by the packet filter. Relays are netd's. */
export class Publishing {
  readonly #ports: HostPorts;
  readonly #firewall: Firewall;
  readonly #flows: Flows;
  readonly #relays: boolean;
  readonly #turns: KeyedLock;

  /**
   * @param parts.relays what comes to IPv6 addresses of the host is relayed to containers that have IPv4 only.
   * @param parts.turns of changes of rules: what is noted and what the filter has agree for whoever holds `RULES`.
   */
  constructor(parts: { ports: HostPorts; firewall: Firewall; flows: Flows; relays: boolean; turns: KeyedLock }) {
    this.#ports = parts.ports;
    this.#firewall = parts.firewall;
    this.#flows = parts.flows;
    this.#relays = parts.relays;
    this.#turns = parts.turns;
  }

  /**
   * Publishes what the sandbox asks for through that endpoint, all or nothing, and notes it in the record.
   * @throws conflict `driver failed programming external connectivity on endpoint …`.
   */
  async publish(
    sandbox: SandboxRecord,
    network: NetworkRecord,
    endpoint: EndpointRecord,
    supervisor: PortSupervisor,
  ): Promise<void> {
    const target = endpoint.ipv4 ?? endpoint.ipv6 ?? "";
    const relayed = (port: Pick<PublishedPort, "protocol" | "hostAddress">) => this.isRelayed(port, endpoint);
    const taken: PublishedPort[] = [];
    try {
      for (const request of planPorts(sandbox.request, this.#defaultAddresses(network, endpoint)))
        taken.push(...(await this.#ports.take(request, { supervisor, target, relayed })));
      if (taken.length === 0) return;
      crashPoint("network-publish:held");
      {
        using _turn = await this.#turns.acquire(RULES);
        sandbox.published = taken;
        await this.#firewall.publish(forwards(taken, endpoint));
      }
      await this.#flows.published(forwards(taken, endpoint));
    } catch (error) {
      sandbox.published = [];
      await this.#ports.release(taken, supervisor);
      throw connectivityFailed(sandbox.request.name, endpoint.id, asEngineError(error));
    }
  }

  /** Undoes `publish` of these ports. Nobody else may hold their sockets any more. */
  async withdraw(
    published: readonly PublishedPort[],
    endpoint: EndpointRecord,
    supervisor: PortSupervisor | undefined,
  ): Promise<void> {
    if (published.length === 0) return;
    try {
      await this.#firewall.withdraw(forwards(published, endpoint));
      await this.#flows.withdrawn(forwards(published, endpoint));
    } finally {
      await this.#ports.release(published, supervisor);
    }
  }

  /** After a restart: what is published is known again. */
  resume(sandbox: SandboxRecord): void {
    this.#ports.retake(sandbox.published);
  }

  /**
   * True for a port of the host that leads to the endpoint by a relay: the packet filter translates within a family, and
   * nothing that comes from `::1`, which no other interface may carry.
   */
  isRelayed(
    { protocol, hostAddress }: Pick<PublishedPort, "protocol" | "hostAddress">,
    endpoint: EndpointRecord,
  ): boolean {
    const crosses = endpoint.ipv6 === undefined && endpoint.ipv4 !== undefined;
    const loopback = hostAddress === "::" || hostAddress === "::1";
    return this.#relays && protocol !== "sctp" && hostAddress.includes(":") && (crosses || loopback);
  }

  #defaultAddresses(network: NetworkRecord, endpoint: EndpointRecord): string[] {
    if (network.publishAddress !== "0.0.0.0") return [network.publishAddress];
    const reachable6 = endpoint.ipv6 !== undefined || this.#relays;
    return [...(endpoint.ipv4 === undefined ? [] : ["0.0.0.0"]), ...(hostHasIpv6 && reachable6 ? ["::"] : [])];
  }
}

/** Redirections of ports to the endpoint's address of the same family; without one there is none. */
export function forwards(ports: readonly PublishedPort[], endpoint: EndpointRecord): PortForward[] {
  return ports.flatMap((port) => {
    const text = port.hostAddress.includes(":") ? endpoint.ipv6 : endpoint.ipv4;
    const target = text === undefined ? undefined : parseAddress(text);
    if (target === undefined) return [];
    const { protocol, hostAddress, hostPort } = port;
    return [{ protocol, hostAddress, hostPort, target, targetPort: port.containerPort }];
  });
}

/** As inspect shows them: exposed ports without a host port are null. */
export function portMap(sandbox: SandboxRecord): PortMap {
  const map: PortMap = {};
  for (const key of [...Object.keys(sandbox.request.ports), ...sandbox.request.exposed])
    map[key.includes("/") ? key : `${key}/tcp`] = null;
  for (const port of sandbox.published) {
    const key = `${port.containerPort}/${port.protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: port.hostAddress, HostPort: String(port.hostPort) }];
  }
  return map;
}
