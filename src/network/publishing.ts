import { existsSync } from "node:fs";
import { asEngineError, crashPoint, messageOf } from "../base/index.ts";
import type { Logger } from "../base/index.ts";
import { parseAddress } from "./address.ts";
import { connectivityFailed } from "./errors.ts";
import type { Firewall, PortForward } from "./firewall/firewall.ts";
import type { PortHolder } from "./ports/holder.ts";
import { planPorts } from "./ports/plan.ts";
import type { PortRelay } from "./ports/relay.ts";
import type { EndpointRecord, NetworkRecord, PortMap, PublishedPort, SandboxRecord } from "./records.ts";

const hostHasIpv6 = existsSync("/proc/net/if_inet6");

/** Published ports of sandboxes: held on the host, redirected by the packet filter, relayed where that cannot reach. */
export class Publishing {
  readonly #holder: PortHolder;
  readonly #firewall: Firewall;
  readonly #relay: PortRelay | undefined;
  readonly #logger: Logger;

  constructor(parts: { holder: PortHolder; firewall: Firewall; relay: PortRelay | undefined; logger: Logger }) {
    this.#holder = parts.holder;
    this.#firewall = parts.firewall;
    this.#relay = parts.relay;
    this.#logger = parts.logger;
  }

  /**
   * Publishes what the sandbox asks for through that endpoint, all or nothing, and notes it in the record.
   * @throws conflict `driver failed programming external connectivity on endpoint …`.
   */
  async publish(sandbox: SandboxRecord, network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    const target = endpoint.ipv4 ?? endpoint.ipv6 ?? "";
    try {
      for (const request of planPorts(sandbox.request, this.#defaultAddresses(network, endpoint)))
        sandbox.published.push(...this.#holder.take(request, `${target}:${request.containerPort}`));
      if (sandbox.published.length === 0) return;
      crashPoint("network-publish:held");
      await this.#firewall.publish(forwards(sandbox.published, endpoint));
      this.#startRelays(sandbox.published, endpoint);
    } catch (error) {
      this.#holder.release(sandbox.published);
      sandbox.published = [];
      throw connectivityFailed(sandbox.request.name, endpoint.id, asEngineError(error));
    }
  }

  /** Undoes `publish`. */
  async withdraw(sandbox: SandboxRecord, endpoint: EndpointRecord): Promise<void> {
    const { published } = sandbox;
    if (published.length === 0) return;
    sandbox.published = [];
    this.#relay?.stop(published);
    try {
      await this.#firewall.withdraw(forwards(published, endpoint));
    } finally {
      this.#holder.release(published);
    }
  }

  /** After a restart: holds the ports again. One that another program took meanwhile stays redirected, and is told. */
  rehold(sandbox: SandboxRecord, endpoint: EndpointRecord): void {
    for (const port of sandbox.published) {
      try {
        this.#holder.hold(port, `${endpoint.ipv4 ?? endpoint.ipv6 ?? ""}:${port.containerPort}`);
      } catch (error) {
        this.#logger.warn("a published port could not be held again", {
          container: sandbox.container,
          error: messageOf(error),
        });
      }
    }
    this.#startRelays(sandbox.published, endpoint);
  }

  #startRelays(ports: readonly PublishedPort[], endpoint: EndpointRecord): void {
    for (const port of ports) {
      const descriptor = needsRelay(port, endpoint) ? this.#holder.descriptorOf(port) : undefined;
      if (descriptor !== undefined) this.#relay?.start(port, descriptor, endpoint.ipv4 ?? "");
    }
  }

  #defaultAddresses(network: NetworkRecord, endpoint: EndpointRecord): string[] {
    if (network.publishAddress !== "0.0.0.0") return [network.publishAddress];
    const reachable6 = endpoint.ipv6 !== undefined || this.#relay !== undefined;
    return [...(endpoint.ipv4 === undefined ? [] : ["0.0.0.0"]), ...(hostHasIpv6 && reachable6 ? ["::"] : [])];
  }
}

function needsRelay(port: PublishedPort, endpoint: EndpointRecord): boolean {
  return port.protocol === "tcp" && port.hostAddress.includes(":") && endpoint.ipv6 === undefined;
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
