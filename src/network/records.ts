/** What the network layer keeps: networks, and who is plugged into them. Rows are JSON bodies beside their keys. */
import type { EndpointSettings, PortBinding } from "../api/index.ts";
import type { ContainerId } from "../base/index.ts";
import { cannotRecord, type Store } from "../store/index.ts";
import type { ContainerNetworking, HeldPort } from "./types.ts";

export type Driver = "bridge" | "host" | "null";

/** The auxiliary addresses that containers' default routes point at, instead of the bridge's own. */
export const DEFAULT_GATEWAY = { 4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6" } as const;

export interface SubnetRecord {
  subnet: string;
  ipRange: string | undefined;
  gateway: string;
  auxiliary: Record<string, string>;
  /** Asked for by the user: only then may containers ask for an address in it. */
  configured: boolean;
}

export interface NetworkRecord {
  id: string;
  name: string;
  driver: Driver;
  /** RFC 3339 with nanoseconds. */
  created: string;
  internal: boolean;
  attachable: boolean;
  ipv4: boolean;
  ipv6: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
  ipamOptions: Record<string, string> | null;
  subnets: SubnetRecord[];
  /** Empty for networks without a bridge. */
  bridge: string;
  /** The bridge is the user's, who had it before: the addresses that it has of him. It stays when the network goes. */
  adopted?: string[];
  /** Addresses with prefix that the bridge had of this network (or of a lost one) and is not to have any more. */
  former?: string[];
  mtu: number;
  icc: boolean;
  masquerade: boolean;
  publishAddress: string;
  interfacePrefix: string;
}

export interface EndpointRecord {
  id: string;
  network: string;
  /** As asked: fixed addresses, aliases, options. */
  asked: EndpointSettings;
  ipv4: string | undefined;
  ipv6: string | undefined;
  mac: string;
  /** Index and name of the end on the host; the name in the container. */
  hostIndex: number;
  hostInterface: string;
  containerInterface: string;
  dnsNames: string[];
}

/** A published port: one address of the host, one port of the container. */
export interface PublishedPort {
  protocol: "tcp" | "udp" | "sctp";
  containerPort: number;
  hostAddress: string;
  hostPort: number;
  /** The socket that holds it. */
  held: HeldPort;
}

export interface SandboxRecord {
  container: ContainerId;
  request: Omit<ContainerNetworking, "endpoints" | "id">;
  netnsPath: string;
  endpoints: EndpointRecord[];
  /** The endpoint that the default route and published ports go through. */
  gatewayEndpoint: string | undefined;
  published: PublishedPort[];
}

export type PortMap = Record<string, PortBinding[] | null>;

const MIGRATIONS = [
  `CREATE TABLE network_networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
   CREATE TABLE network_sandboxes (container TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
   CREATE TABLE network_sysctls (path TEXT PRIMARY KEY, before TEXT NOT NULL) STRICT;`,
  `CREATE TABLE network_retired_bridges (bridge TEXT PRIMARY KEY) STRICT;`,
  "DROP TABLE network_sysctls",
];

/** The tables of this layer. Networks are durable; sandboxes are run-state that boot checks against what runs. */
export class NetworkRecords {
  readonly #store: Store;

  constructor(store: Store) {
    store.migrate("network", MIGRATIONS);
    this.#store = store;
  }

  networks(): NetworkRecord[] {
    // Written by saveNetwork below and by nothing else.
    return this.#bodies("SELECT body FROM network_networks ORDER BY rowid") as NetworkRecord[];
  }

  saveNetwork(record: NetworkRecord): void {
    const body = JSON.stringify(record);
    // A boot saves those that every engine has: they are there as they are, and the disk may be read-only.
    if (this.#store.prepare("SELECT body FROM network_networks WHERE id = ?").get(record.id)?.["body"] === body) return;
    this.#store.transaction(() => {
      this.#store
        .prepare(
          `INSERT INTO network_networks (id, name, body) VALUES (?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body`,
        )
        .run(record.id, record.name, body);
    });
  }

  /** Forgets a network; its bridge is retired in the same transaction, for removal now or at the next boot. */
  deleteNetwork(network: NetworkRecord): void {
    this.#store.transaction(() => {
      this.#store.prepare("DELETE FROM network_networks WHERE id = ?").run(network.id);
      this.retireBridge(network);
    });
  }

  /** Remembers that the network's bridge has to go, unless it is the user's. */
  retireBridge({ bridge, adopted }: Pick<NetworkRecord, "bridge" | "adopted">): void {
    if (bridge === "" || adopted !== undefined) return;
    this.#store.prepare("INSERT INTO network_retired_bridges (bridge) VALUES (?) ON CONFLICT DO NOTHING").run(bridge);
  }

  retiredBridges(): string[] {
    return this.#store
      .prepare("SELECT bridge FROM network_retired_bridges")
      .all()
      .map((row) => String(row["bridge"]));
  }

  /** The bridge is gone. */
  forgetBridge(bridge: string): void {
    this.#store.prepare("DELETE FROM network_retired_bridges WHERE bridge = ?").run(bridge);
  }

  sandboxes(): SandboxRecord[] {
    // Written by saveSandbox below and by nothing else.
    return this.#bodies("SELECT body FROM network_sandboxes") as SandboxRecord[];
  }

  saveSandbox(record: SandboxRecord): void {
    this.#store.transaction(
      () => {
        this.#store
          .prepare(
            `INSERT INTO network_sandboxes (container, body) VALUES (?, ?)
             ON CONFLICT (container) DO UPDATE SET body = excluded.body`,
          )
          .run(record.container, JSON.stringify(record));
      },
      { durable: false },
    );
  }

  deleteSandbox(container: string): void {
    try {
      this.#store.transaction(
        () => {
          this.#store.prepare("DELETE FROM network_sandboxes WHERE container = ?").run(container);
        },
        { durable: false },
      );
    } catch (error) {
      // Boot forgets rows of what does not run.
      if (!cannotRecord(error)) throw error;
    }
  }

  #bodies(sql: string): unknown[] {
    return this.#store
      .prepare(sql)
      .all()
      .map((row): unknown => JSON.parse(String(row["body"])));
  }
}
