import type { NetworkConfig } from "../config.ts";
import type { NetworkRecord, PublishedPort, SandboxRecord } from "../records.ts";

/**
 * What must go on while the daemon is away and is no rule of the kernel: the containers' name servers, and relays of
 * published ports between address families. The daemon tells what there is; whoever serves it keeps no state of its own.
 */
export interface Netd extends AsyncDisposable {
  /** Serves a container like this from now on. @param fresh its namespace is new. @throws when its names are not served. */
  put(entry: NetdEntry, fresh: boolean): Promise<void>;
  /** Lets go of a container: its sockets are closed when this returns. Idempotent, never fails. */
  drop(container: string): Promise<void>;
  /** After a restart: these containers and no others. What fails is logged and tried again. */
  sync(entries: readonly NetdEntry[]): Promise<void>;
}

/** A container that has a name server or relays. */
export interface NetdEntry {
  sandbox: SandboxRecord;
  /** Those of the sandbox's endpoints. */
  networks: NetworkRecord[];
  relays: Relay[];
}

/** Connections to a port of the host that go to an address of a container. */
export interface Relay {
  port: PublishedPort;
  target: string;
}

/** What the name service reads of the daemon's options. */
export type NetdConfig = NetworkConfig;
