import type { EndpointSettings, NetworksBackend, PortBinding } from "../api/index.ts";
import type { ContainerId } from "../base/index.ts";

/**
 * Networks, their endpoints, published ports and the name service. The container layer knows modes and settings; drivers,
 * IPAM, veths and rules are in here. An endpoint's address is reserved at `reserve` (durable with the container's start),
 * its interface made at `attach`, both undone by `release`.
 */
export interface NetworkService extends NetworksBackend, AsyncDisposable {
  /** Checks names, addresses and aliases of a create body before anything is stored. @throws not-found, invalid. */
  validate(request: ContainerNetworking): Promise<void>;
  /** Checks the settings of one network that a container is to join. @throws not-found, invalid. */
  validateOne(network: string, settings: EndpointSettings): void;
  /** A network by its id, the start of that, or its name; undefined when there is none. */
  identify(ref: string): { id: string; name: string } | undefined;
  /**
   * Plugs a waiting task's new network namespace in: reserves addresses, makes veths, routes, rules, published ports and
   * names. @throws conflict `driver failed programming external connectivity …` when a port is taken. All or nothing.
   */
  attach(request: ContainerNetworking, task: NetworkTask): Promise<AttachedNetworking>;
  /** Undoes `attach`; idempotent; the slow part (veth removal) goes on after the answer. */
  detach(id: ContainerId): Promise<void>;
  /** Connects or disconnects a running container. */
  attachOne(id: ContainerId, network: string, settings: EndpointSettings, task: NetworkTask): Promise<AttachedEndpoint>;
  detachOne(id: ContainerId, network: string, force: boolean): Promise<void>;
  /** A running container got another name: other containers find it by that from now on. */
  rename(id: ContainerId, name: string): void;
  /** State of a container's endpoints now; undefined when it has none. */
  state(id: ContainerId): AttachedNetworking | undefined;
  /** What list and inspect show of it: the same object until something has changed. */
  shown(id: ContainerId): ShownNetworking | undefined;
  /** After a daemon restart: what is attached on the host against who runs; repairs bridges and rules, drops the rest. */
  restore(running: ReadonlyMap<ContainerId, NetworkTask>): Promise<void>;
  /** The addresses behind `host-gateway`: of the default bridge, one of each family; none when there is no such bridge. */
  hostGateways(): readonly string[];
  /** Who carries out `connect` and `disconnect`: networks know no containers. Called once, at wiring. */
  useConnections(owner: ConnectionOwner): void;
  /** Removes all that networks made on the host: bridges, rules, veths. For uninstalling, and for tests. */
  uninstall(): Promise<void>;
  /** Interface counters for stats, by name in the container. */
  counters(pid: number): Promise<Record<string, InterfaceCounters>>;
}

/** The container layer's side of `docker network connect` and `disconnect`; both for running and stopped containers. */
export type ConnectionOwner = Pick<NetworksBackend, "connect" | "disconnect">;

/** A container's run, as networks see it. */
export interface NetworkTask {
  /** Path of its network namespace. */
  netnsPath: string;
  ports: PortSupervisor;
}

/** Who holds a container's published ports on the host, whatever becomes of the daemon. */
export interface PortSupervisor {
  /**
   * Binds a socket. @param listens a TCP socket takes connections, which wait until a relay accepts them.
   * @throws an error whose `code` is EADDRINUSE, EADDRNOTAVAIL, EACCES…
   */
  holdPort(address: Uint8Array, protocol: number, port: number, listens: boolean): Promise<HeldPort>;
  /** Closes sockets, by their descriptors; undefined: all. */
  releasePorts(descriptors: readonly number[] | undefined): Promise<void>;
}

/** Where a socket that holds a port is: a process, and its descriptor there. */
export interface HeldPort {
  pid: number;
  descriptor: number;
}

export interface ContainerNetworking {
  id: ContainerId;
  /** Container name without slash. */
  name: string;
  hostname: string;
  domainname?: string | undefined;
  /** By network name; `bridge` is the default network. `none` and `host` have no interface. */
  endpoints: Record<string, EndpointSettings>;
  /** `80/tcp` → bindings; published only on bridge networks. */
  ports: Record<string, PortBinding[]>;
  /** Ports of `EXPOSE`/`--expose`, all published when `publishAll`. */
  exposed: string[];
  publishAll: boolean;
  dns: { servers: string[]; search: string[]; options: string[] };
  links: string[];
}

export interface AttachedEndpoint {
  settings: EndpointSettings;
  interfaceName: string;
}

export type ShownNetworking = Pick<AttachedNetworking, "endpoints" | "ports" | "sandboxKey">;

export interface AttachedNetworking {
  endpoints: Record<string, EndpointSettings>;
  /** As inspect shows them: bound host addresses and ports. */
  ports: Record<string, PortBinding[] | null>;
  /** Lines for /etc/hosts (own addresses, links) and the whole resolv.conf for this container. */
  hostsLines: Array<{ address: string; names: string[] }>;
  resolvConf: string;
  sandboxKey: string;
}

export interface InterfaceCounters {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}
