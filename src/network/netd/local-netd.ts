import { readlinkSync } from "node:fs";
import { messageOf, shortId } from "../../base/index.ts";
import type { Logger } from "../../base/index.ts";
import type { Native } from "../../sys/index.ts";
import { withNetns } from "../links.ts";
import type { NetworkRecord, SandboxRecord } from "../records.ts";
import { SandboxFiles } from "../sandbox-files.ts";
import { ContainerNames } from "./dns/names.ts";
import { NameServers } from "./name-servers.ts";
import { PortRelay } from "./relay.ts";
import type { Netd, NetdConfig, NetdEntry } from "./types.ts";

interface Served extends NetdEntry {
  /** What the path of the namespace led to. */
  namespace: string | undefined;
}

/** Serves names and relays in this process. */
export class LocalNetd implements Netd {
  readonly #logger: Logger;
  readonly #served = new Map<string, Served>();
  readonly #sandboxes = new Map<string, SandboxRecord>();
  readonly #files: SandboxFiles;
  readonly #nameServers: NameServers;
  readonly #relay: PortRelay;

  constructor(parts: { native: Native; config: NetdConfig; logger: Logger }) {
    this.#logger = parts.logger;
    this.#files = new SandboxFiles(parts.config, this.#sandboxes, this.#networkOf);
    this.#relay = new PortRelay(parts.native, parts.logger);
    this.#nameServers = new NameServers({
      native: parts.native,
      names: new ContainerNames(this.#sandboxes, this.#networkOf),
      upstreams: (container) => {
        const sandbox = this.#sandboxes.get(container);
        return sandbox === undefined ? [] : this.#files.upstreams(sandbox);
      },
      logger: parts.logger,
    });
  }

  readonly #networkOf = (id: string): NetworkRecord | undefined => {
    for (const { networks } of this.#served.values()) {
      const found = networks.find((network) => network.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  /** True while there is nothing to serve. */
  get idle(): boolean {
    return this.#served.size === 0;
  }

  async put(entry: NetdEntry, fresh: boolean): Promise<void> {
    const { container, netnsPath } = entry.sandbox;
    const before = this.#served.get(container);
    const namespace = namespaceAt(netnsPath);
    this.#served.set(container, { ...entry, namespace });
    this.#sandboxes.set(container, entry.sandbox);
    for (const relay of before?.relays ?? []) if (!entry.relays.some(sameAs(relay))) this.#relay.stop(relay.port);
    for (const relay of entry.relays) this.#relay.start(relay);
    const needed = this.#files.needsNameServer(entry.sandbox);
    if (!needed || (before !== undefined && before.namespace !== namespace)) this.#nameServers.stop(container);
    if (needed) await withNetns(netnsPath, (netnsFd) => this.#nameServers.serve(container, netnsFd, fresh));
  }

  async drop(container: string): Promise<void> {
    this.#nameServers.stop(container);
    for (const { port } of this.#served.get(container)?.relays ?? []) this.#relay.stop(port);
    this.#served.delete(container);
    this.#sandboxes.delete(container);
  }

  async sync(entries: readonly NetdEntry[]): Promise<void> {
    const kept = new Set(entries.map((entry) => entry.sandbox.container as string)); // a ContainerId is one
    for (const container of this.#served.keys()) if (!kept.has(container)) await this.drop(container);
    for (const entry of entries) {
      try {
        await this.put(entry, false);
      } catch (error) {
        const container = shortId(entry.sandbox.container);
        this.#logger.warn("names of a container are not served", { container, error: messageOf(error) });
      }
    }
  }

  /** Lets go of containers that ended while no daemon was there to say so: the sockets keep their namespaces. */
  async dropEnded(): Promise<void> {
    for (const [container, { sandbox, namespace }] of this.#served)
      if (namespaceAt(sandbox.netnsPath) !== namespace) await this.drop(container);
  }

  /** Stops serving; gives when the last relayed connection has ended. */
  async retire(): Promise<void> {
    for (const container of this.#served.keys()) this.#nameServers.stop(container);
    await this.#relay.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.#served.keys()) await this.drop(container);
  }
}

function sameAs({ port, target }: NetdEntry["relays"][number]) {
  return (other: NetdEntry["relays"][number]) =>
    other.target === target &&
    other.port.held.pid === port.held.pid &&
    other.port.held.descriptor === port.held.descriptor &&
    other.port.containerPort === port.containerPort;
}

function namespaceAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // its process has ended
  }
}
