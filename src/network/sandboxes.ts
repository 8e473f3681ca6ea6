import type { EndpointSettings } from "../api/index.ts";
import { crashPoint, errnoOf, messageOf, shortId } from "../base/index.ts";
import type { ContainerId, Logger } from "../base/index.ts";
import type { EngineMetrics } from "../metrics/index.ts";
import type { Address } from "./address.ts";
import type { Announcements } from "./announcements.ts";
import { describeEndpoint } from "./describe.ts";
import {
  addressesOf,
  checkEndpoint,
  chooseGateway,
  gatewaysOf,
  releaseAddresses,
  reserveEndpoint,
  retakeAddresses,
  vethPlan,
} from "./endpoints.ts";
import { interfaceNameOf, SysctlError } from "./driver-options.ts";
import { badEndpointOf, endpointExists, interfaceNotAdded, notConnected } from "./errors.ts";
import type { OpenPorts } from "./firewall/firewall.ts";
import type { Flows } from "./firewall/flows.ts";
import type { LinkReaper } from "./link-reaper.ts";
import { linkedName, type LinkedPorts } from "./linked-ports.ts";
import { withNetns } from "./links.ts";
import type { Links } from "./links.ts";
import type { Serving } from "./netd/serving.ts";
import { forwards, portMap } from "./publishing.ts";
import type { Publishing } from "./publishing.ts";
import type { EndpointRecord, NetworkRecord, NetworkRecords, SandboxRecord } from "./records.ts";
import type { LiveNetwork, NetworkRegistry } from "./registry.ts";
import type { SandboxFiles } from "./sandbox-files.ts";
import type {
  AttachedEndpoint,
  AttachedNetworking,
  ContainerNetworking,
  NetworkTask,
  PortSupervisor,
  ShownNetworking,
} from "./types.ts";

export interface SandboxesParts {
  records: NetworkRecords;
  registry: NetworkRegistry;
  sandboxes: Map<string, SandboxRecord>;
  links: Links;
  reaper: LinkReaper;
  flows: Flows;
  publishing: Publishing;
  linked: LinkedPorts;
  serving: Serving;
  files: SandboxFiles;
  announce: Announcements;
  metrics: EngineMetrics;
  logger: Logger;
}

/**
 * Containers' network namespaces and what is plugged into them. The map of sandboxes changes first, without a wait in
 * between, so that others see a reservation at once; then the kernel; the row is written when all of it stands.
 */
export class Sandboxes {
  readonly #parts: SandboxesParts;
  readonly #shown = new WeakMap<SandboxRecord, ShownNetworking>();
  /** Who holds the ports of each container. */
  readonly #supervisors = new Map<string, PortSupervisor>();

  constructor(parts: SandboxesParts) {
    this.#parts = parts;
  }

  /** @throws not-found, invalid with what Docker says. */
  validate(request: ContainerNetworking): void {
    for (const [ref, asked] of Object.entries(request.endpoints)) {
      const network = this.#parts.registry.find(ref);
      try {
        checkEndpoint(network, asked);
      } catch (error) {
        throw badEndpointOf(network.record.name, error);
      }
    }
  }

  /** @throws not-found, invalid with what Docker says, for one network that a container is to join. */
  validateOne(ref: string, settings: EndpointSettings): void {
    checkEndpoint(this.#parts.registry.find(ref), settings);
  }

  /** As `NetworkService.attach`; what was there of that container before is replaced. @throws as it, with nothing left. */
  async attach(request: ContainerNetworking, task: NetworkTask): Promise<AttachedNetworking> {
    const { sandboxes, serving } = this.#parts;
    const wanted = Object.entries(request.endpoints).map(([ref, asked]) => ({
      network: this.#parts.registry.find(ref),
      asked,
    }));
    for (const { network, asked } of wanted) checkEndpoint(network, asked);
    if (sandboxes.has(request.id)) await this.#replace(request.id);
    const { endpoints: _, id, ...kept } = request;
    const sandbox: SandboxRecord = {
      container: id,
      request: kept,
      netnsPath: task.netnsPath,
      endpoints: [],
      gatewayEndpoint: undefined,
      published: [],
    };
    sandboxes.set(id, sandbox);
    this.#supervisors.set(id, task.ports);
    try {
      for (const { network, asked } of wanted) await this.#reserve(sandbox, network, asked);
      sandbox.gatewayEndpoint = chooseGateway(sandbox, this.#networkOf)?.id;
      crashPoint("network-attach:reserved");
      if (wanted.some(({ network }) => network.record.driver === "bridge")) {
        await withNetns(task.netnsPath, async (netnsFd) => {
          for (const endpoint of sandbox.endpoints) await this.#connect(sandbox, endpoint, netnsFd);
        });
      }
      crashPoint("network-attach:plugged");
      await this.#publish(sandbox);
      crashPoint("network-attach:published");
      await this.#parts.linked.update();
      crashPoint("network-attach:linked");
      await serving.update(sandbox, true);
      crashPoint("network-attach:served");
      this.#save(sandbox);
    } catch (error) {
      sandboxes.delete(id);
      await this.#unplug(sandbox);
      // At once: the namespace may be asked for again.
      await this.#parts.reaper.drain();
      throw error;
    }
    for (const endpoint of sandbox.endpoints) this.#announce("connect", sandbox, endpoint);
    return this.#attached(sandbox);
  }

  async #replace(id: ContainerId): Promise<void> {
    await this.detach(id);
    await this.#parts.reaper.drain();
  }

  /** Takes ports, names and interfaces away; idempotent. */
  async detach(id: ContainerId): Promise<void> {
    const { sandboxes, records } = this.#parts;
    const sandbox = sandboxes.get(id);
    if (sandbox === undefined) return;
    sandboxes.delete(id);
    try {
      records.deleteSandbox(id);
      crashPoint("network-detach:recorded");
    } finally {
      // Also when the row stays: boot forgets rows of what does not run.
      await this.#unplug(sandbox);
    }
    for (const endpoint of sandbox.endpoints) this.#announce("disconnect", sandbox, endpoint);
  }

  /** Plugs a running container into one more network. @throws forbidden when it is in already, not-found, invalid. */
  async attachOne(
    id: ContainerId,
    ref: string,
    settings: EndpointSettings,
    task: NetworkTask,
  ): Promise<AttachedEndpoint> {
    const { sandboxes, registry, serving, linked } = this.#parts;
    const network = registry.find(ref);
    const sandbox = sandboxes.get(id) ?? unnamedSandbox(id, task.netnsPath);
    if (sandbox.endpoints.some((endpoint) => endpoint.network === network.record.id))
      throw endpointExists(sandbox.request.name, network.record.name);
    checkEndpoint(network, settings);
    sandboxes.set(id, sandbox);
    this.#supervisors.set(id, task.ports);
    const endpoint = await this.#reserve(sandbox, network, settings);
    try {
      await withNetns(task.netnsPath, (netnsFd) => this.#connect(sandbox, endpoint, netnsFd));
      crashPoint("network-connect:plugged");
      const before = sandbox.endpoints.filter((item) => item !== endpoint);
      await this.#moveGateway(sandbox, { lasting: before });
      crashPoint("network-connect:moved");
      await linked.update();
      crashPoint("network-connect:linked");
      await serving.update(sandbox, false);
      crashPoint("network-connect:served");
      this.#save(sandbox);
    } catch (error) {
      await this.#takeBack(sandbox, endpoint);
      throw error;
    }
    this.#announce("connect", sandbox, endpoint);
    return { settings: describeEndpoint(network.record, endpoint), interfaceName: endpoint.containerInterface };
  }

  /** Undoes a connect that failed: default route and ports lead where they led before. */
  async #takeBack(sandbox: SandboxRecord, endpoint: EndpointRecord): Promise<void> {
    this.#dropEndpoint(sandbox, endpoint);
    try {
      await this.#moveGateway(sandbox, { lasting: sandbox.endpoints, gone: endpoint });
      await this.#parts.linked.update();
      await this.#parts.serving.update(sandbox, false);
      this.#save(sandbox);
    } catch (error) {
      this.#parts.logger.warn("a container's default route or ports could not be put back", {
        container: shortId(sandbox.container),
        error: messageOf(error),
      });
    }
    await this.#parts.reaper.drain();
  }

  /** Unplugs a running container from a network. @throws forbidden when it is not in, unless forced. */
  async detachOne(id: ContainerId, ref: string, force: boolean): Promise<void> {
    const { sandboxes, registry } = this.#parts;
    const network = registry.find(ref);
    const sandbox = sandboxes.get(id);
    const endpoint = sandbox?.endpoints.find((item) => item.network === network.record.id);
    if (sandbox === undefined || endpoint === undefined) {
      if (force) return;
      throw notConnected(id, network.record.name);
    }
    const before = sandbox.endpoints;
    this.#dropEndpoint(sandbox, endpoint);
    await this.#moveGateway(sandbox, { lasting: before, gone: endpoint });
    crashPoint("network-disconnect:moved");
    await this.#parts.linked.update();
    crashPoint("network-disconnect:linked");
    await this.#parts.serving.update(sandbox, false);
    this.#save(sandbox);
    // The interface goes at once: the container runs on and may not keep it.
    await this.#parts.reaper.drain();
    this.#announce("disconnect", sandbox, endpoint);
  }

  /** Names others find the container by follow it; what was published and reserved stays. */
  rename(id: ContainerId, name: string): void {
    const { sandboxes } = this.#parts;
    const sandbox = sandboxes.get(id);
    if (sandbox === undefined) return;
    const old = sandbox.request.name;
    sandbox.request.name = name;
    for (const endpoint of sandbox.endpoints)
      endpoint.dnsNames = [...new Set(endpoint.dnsNames.map((item) => (item === old ? name : item)))];
    this.#save(sandbox);
    this.#renameLinks(old, name);
    this.#parts.serving.update(sandbox, false).catch((error: unknown) =>
      this.#parts.logger.warn("a container is still found by its old name", {
        container: shortId(id),
        error: messageOf(error),
      }),
    );
  }

  /** Links are to the container, whatever it is called. */
  #renameLinks(old: string, name: string): void {
    for (const sandbox of this.#parts.sandboxes.values()) {
      const { links } = sandbox.request;
      if (!links.some((link) => linkedName(link) === old)) continue;
      sandbox.request.links = links.map((link) => (linkedName(link) === old ? renamed(link, name) : link));
      this.#save(sandbox);
    }
  }

  /** Undefined for a container that is not plugged in. */
  state(id: ContainerId): AttachedNetworking | undefined {
    const sandbox = this.#parts.sandboxes.get(id);
    return sandbox === undefined ? undefined : this.#attached(sandbox);
  }

  readonly #networkOf = (id: string): NetworkRecord | undefined => this.#parts.registry.byId(id)?.record;

  async #reserve(sandbox: SandboxRecord, network: LiveNetwork, asked: EndpointSettings): Promise<EndpointRecord> {
    const reserved = () => {
      const endpoint = reserveEndpoint(network, asked, {
        container: sandbox.container,
        name: sandbox.request.name,
        hostname: sandbox.request.hostname,
        interfaces: sandbox.endpoints.map((item) => item.containerInterface),
      });
      sandbox.endpoints.push(endpoint);
      return endpoint;
    };
    try {
      return reserved();
    } catch (error) {
      // The address may be one that rests: of a container that has gone just now.
      await this.#parts.reaper.drain();
      if (this.#parts.registry.byId(network.record.id) !== network) throw error;
      return reserved();
    }
  }

  async #connect(sandbox: SandboxRecord, endpoint: EndpointRecord, netnsFd: number): Promise<void> {
    await this.#parts.metrics.networkActions.time("connect", () => this.#plug(sandbox, endpoint, netnsFd));
  }

  async #plug(sandbox: SandboxRecord, endpoint: EndpointRecord, netnsFd: number): Promise<void> {
    const network = this.#networkOf(endpoint.network);
    // A new namespace's loopback is up already.
    if (network === undefined || network.driver !== "bridge") return;
    await this.#parts.flows.settled(addressesOf(endpoint));
    const plan = vethPlan(network, endpoint, sandbox.gatewayEndpoint === endpoint.id);
    try {
      endpoint.hostIndex = await this.#parts.links.plug(plan, netnsFd);
    } catch (error) {
      throw plugFailure(endpoint, error);
    }
  }

  async #publish(sandbox: SandboxRecord): Promise<void> {
    const gateway = gatewayEndpoint(sandbox);
    const network = gateway && this.#networkOf(gateway.network);
    const supervisor = this.#supervisors.get(sandbox.container);
    if (gateway !== undefined && network !== undefined && supervisor !== undefined)
      await this.#parts.publishing.publish(sandbox, network, gateway, supervisor);
  }

  /** Relays let go of the ports before their supervisor does. */
  async #withdraw(sandbox: SandboxRecord, endpoint: EndpointRecord): Promise<void> {
    const { published } = sandbox;
    if (published.length === 0) return;
    sandbox.published = [];
    await this.#parts.serving.update(sandbox, false);
    await this.#parts.publishing.withdraw(published, endpoint, this.#supervisors.get(sandbox.container));
  }

  /**
   * After endpoints came or went: default route and published ports go through the one that ranks first.
   * A daemon that is killed underway leaves a record without gateway, from which the next one does it again.
   * @param around.lasting the endpoints that such a record has.
   * @param around.gone an endpoint that is not among the sandbox's any more.
   */
  async #moveGateway(
    sandbox: SandboxRecord,
    { lasting, gone }: { lasting: EndpointRecord[]; gone?: EndpointRecord },
  ): Promise<void> {
    const { records, links } = this.#parts;
    const best = chooseGateway(sandbox, this.#networkOf);
    if (best?.id === sandbox.gatewayEndpoint) return;
    const old = gatewayEndpoint(sandbox) ?? (gone?.id === sandbox.gatewayEndpoint ? gone : undefined);
    records.saveSandbox({ ...sandbox, endpoints: lasting, gatewayEndpoint: undefined, published: [] });
    if (old !== undefined) await this.#withdraw(sandbox, old);
    sandbox.gatewayEndpoint = best?.id;
    crashPoint("network-gateway:withdrawn");
    const network = best && this.#networkOf(best.network);
    await withNetns(sandbox.netnsPath, (netnsFd) =>
      links.setGateways(
        netnsFd,
        best?.containerInterface,
        best === undefined || network === undefined ? [] : gatewaysOf(network, best),
      ),
    );
    crashPoint("network-gateway:routed");
    await this.#publish(sandbox);
  }

  /** Takes a sandbox's ports, names and interfaces away; the interfaces' removal goes on after this returns. */
  async #unplug(sandbox: SandboxRecord): Promise<void> {
    const { publishing, serving, linked } = this.#parts;
    await serving.drop(sandbox.container);
    const gateway = gatewayEndpoint(sandbox);
    const supervisor = this.#supervisors.get(sandbox.container);
    this.#supervisors.delete(sandbox.container);
    try {
      if (gateway !== undefined) await publishing.withdraw(sandbox.published, gateway, supervisor);
      sandbox.published = [];
      await linked.update();
    } finally {
      for (const endpoint of sandbox.endpoints) this.#retire(endpoint);
    }
  }

  #dropEndpoint(sandbox: SandboxRecord, endpoint: EndpointRecord): void {
    this.#shown.delete(sandbox);
    sandbox.endpoints = sandbox.endpoints.filter((item) => item !== endpoint);
    this.#retire(endpoint);
  }

  /** An address rests until its veth is gone. */
  #retire(endpoint: EndpointRecord): void {
    // Who has never sent, not even an answer, has no connections: looking for some costs a walk over all of the host's.
    const isTracked = endpoint.hostIndex !== 0 && this.#parts.links.hasSent(endpoint.hostInterface);
    const release = () => {
      const network = this.#parts.registry.byId(endpoint.network);
      if (network !== undefined) releaseAddresses(network, endpoint);
      if (isTracked) this.#parts.flows.retire(addressesOf(endpoint));
    };
    if (endpoint.hostIndex === 0) release();
    else this.#parts.reaper.add(endpoint.hostIndex, release);
  }

  /** What list and inspect show; undefined for a container that is not plugged in. */
  shown(id: ContainerId): ShownNetworking | undefined {
    const sandbox = this.#parts.sandboxes.get(id);
    if (sandbox === undefined) return undefined;
    const known = this.#shown.get(sandbox) ?? this.#show(sandbox);
    this.#shown.set(sandbox, known);
    return known;
  }

  #save(sandbox: SandboxRecord): void {
    this.#shown.delete(sandbox);
    this.#parts.records.saveSandbox(sandbox);
  }

  #attached(sandbox: SandboxRecord): AttachedNetworking {
    return {
      ...this.#show(sandbox),
      hostsLines: this.#parts.files.hostsLines(sandbox),
      resolvConf: this.#parts.files.resolvConf(sandbox),
    };
  }

  #show(sandbox: SandboxRecord): ShownNetworking {
    const endpoints: Record<string, EndpointSettings> = {};
    for (const endpoint of sandbox.endpoints) {
      const network = this.#networkOf(endpoint.network);
      if (network !== undefined) endpoints[network.name] = describeEndpoint(network, endpoint);
    }
    return { endpoints, ports: portMap(sandbox), sandboxKey: sandbox.netnsPath };
  }

  #announce(action: "connect" | "disconnect", sandbox: SandboxRecord, endpoint: EndpointRecord): void {
    const network = this.#networkOf(endpoint.network);
    if (network !== undefined) this.#parts.announce.endpoint(action, network, sandbox.container);
  }

  /** After a restart: takes back the sandboxes of what runs, forgets the others. */
  recover(running: ReadonlyMap<ContainerId, NetworkTask>): void {
    const { records } = this.#parts;
    for (const sandbox of records.sandboxes()) {
      const task = running.get(sandbox.container);
      if (task === undefined) records.deleteSandbox(sandbox.container);
      else this.#resume({ ...sandbox, netnsPath: task.netnsPath }, task.ports);
    }
  }

  /** The ports that are open now. */
  readonly ports = (): OpenPorts => ({
    published: [...this.#parts.sandboxes.values()].flatMap((sandbox) => {
      const gateway = gatewayEndpoint(sandbox);
      return gateway === undefined ? [] : forwards(sandbox.published, gateway);
    }),
    linked: this.#parts.linked.all(),
  });

  /** Plugs what is in a network into its bridge again. */
  async replug(network: NetworkRecord): Promise<void> {
    for (const { endpoints } of this.#parts.sandboxes.values())
      for (const endpoint of endpoints)
        if (endpoint.network === network.id) await this.#parts.links.replug(vethPlan(network, endpoint, false));
  }

  /** Indexes of the host's ends of all veths that are in use. */
  linkIndexes(): Set<number> {
    return new Set(
      [...this.#parts.sandboxes.values()].flatMap((sandbox) => sandbox.endpoints.map((item) => item.hostIndex)),
    );
  }

  /** Addresses of what is plugged in. */
  addresses(): Address[] {
    return [...this.#parts.sandboxes.values()].flatMap(({ endpoints }) => endpoints.flatMap(addressesOf));
  }

  /** After a restart, with rules in place: moves of ports that were cut short, names and relays. */
  async resume(): Promise<void> {
    const { sandboxes, serving } = this.#parts;
    for (const sandbox of sandboxes.values())
      if (sandbox.gatewayEndpoint === undefined) await this.#finishMove(sandbox);
    await serving.resume(sandboxes.values());
  }

  async #finishMove(sandbox: SandboxRecord): Promise<void> {
    if (chooseGateway(sandbox, this.#networkOf) === undefined) return;
    try {
      // No record has the sockets of a publishing that was cut short.
      await this.#supervisors.get(sandbox.container)?.releasePorts(undefined);
      await this.#moveGateway(sandbox, { lasting: sandbox.endpoints });
      this.#save(sandbox);
    } catch (error) {
      this.#parts.logger.warn("ports of a container could not be published again", {
        container: shortId(sandbox.container),
        error: messageOf(error),
      });
    }
  }

  #resume(sandbox: SandboxRecord, supervisor: PortSupervisor): void {
    const { registry, sandboxes, publishing, logger } = this.#parts;
    sandbox.endpoints = sandbox.endpoints.filter((endpoint) => registry.byId(endpoint.network) !== undefined);
    for (const endpoint of sandbox.endpoints) {
      const network = registry.byId(endpoint.network);
      try {
        if (network !== undefined) retakeAddresses(network, endpoint);
      } catch (error) {
        logger.warn("an address is in use twice", { container: sandbox.container, error: messageOf(error) });
      }
    }
    sandboxes.set(sandbox.container, sandbox);
    this.#supervisors.set(sandbox.container, supervisor);
    publishing.resume(sandbox);
  }
}

/** What Docker says where the interface could not be as it was asked for. */
function plugFailure(endpoint: EndpointRecord, error: unknown): unknown {
  const { hostInterface, asked } = endpoint;
  if (error instanceof SysctlError) return interfaceNotAdded(hostInterface, error.message, error);
  const name = interfaceNameOf(asked);
  const reason = name === undefined ? undefined : NAME_REFUSALS[errnoOf(error) ?? ""];
  if (reason === undefined) return error;
  return interfaceNotAdded(hostInterface, `error renaming interface "${hostInterface}" to "${name}": ${reason}`, error);
}

/** Why the kernel does not take an interface's name. */
const NAME_REFUSALS: Readonly<Record<string, string>> = {
  EEXIST: "file exists",
  EINVAL: "invalid argument",
  ERANGE: "numerical result out of range",
};

/** `old:alias` with another name; without an alias the old name is one. */
function renamed(link: string, name: string): string {
  const [old = "", alias = old] = link.replace(/^\//, "").split(":");
  return `${name}:${alias}`;
}

function gatewayEndpoint(sandbox: SandboxRecord): EndpointRecord | undefined {
  return sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
}

/** Of a container that was started without any network: known by its id alone. */
function unnamedSandbox(container: ContainerId, netnsPath: string): SandboxRecord {
  const name = shortId(container);
  return {
    container,
    request: {
      name,
      hostname: name,
      ports: {},
      exposed: [],
      publishAll: false,
      dns: { servers: [], search: [], options: [] },
      links: [],
    },
    netnsPath,
    endpoints: [],
    gatewayEndpoint: undefined,
    published: [],
  };
}
