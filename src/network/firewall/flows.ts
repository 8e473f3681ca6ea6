import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { crashPoint, errnoOf, messageOf, Retries } from "../../base/index.ts";
import type { Logger } from "../../base/index.ts";
import { connectionsOf, deleteConnection, IPPROTO_UDP, listConnections } from "../../sys/index.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/index.ts";
import type { FlowFilter, Native, TrackedConnection } from "../../sys/index.ts";
import { addressBytes, addressOfBytes, contains, parseAddress } from "../address.ts";
import type { Address, Subnet } from "../address.ts";
import type { PortForward } from "./firewall.ts";

/** A walk over the kernel's table takes it some 15 ms: what ends within so long shares one, */
const GATHER_MS = 100;
/** and so much time is between two of them. */
const REST_MS = 500;
/** Connections of the host up to which one walk for all of them costs less than two that the kernel filters. */
const SMALL_TABLE = 5000;
/** So many filtered walks cost no more than reading all of a large table. */
const FEW = 2;
const COUNT = "/proc/sys/net/netfilter/nf_conntrack_count";

/** What connection tracking remembers of containers: it has to go with them. None of these fails: what does is logged. */
export interface Flows extends Disposable {
  /** Containers that had these addresses are gone, and so are their flows within a second or so. */
  retire(addresses: readonly Address[]): void;
  /** Before an address gets its next container. Gives when no flows of the last one are left. */
  settled(addresses: readonly Address[]): Promise<void>;
  /** Gives when everything that was retired before is forgotten. */
  drain(): Promise<void>;
  /** At boot: forgets the flows of addresses in these subnets that are not among `known`. */
  sweep(subnets: readonly Subnet[], known: readonly Address[]): Promise<void>;
  /**
   * UDP flows keep the target that they began with for as long as their client goes on sending. One that began before the
   * port was published would never reach the container,
   */
  published(ports: readonly PortForward[]): Promise<void>;
  /** and one that was led to it never the next container behind the port. */
  withdrawn(ports: readonly PortForward[]): Promise<void>;
}

/** Where there is no packet filter nothing is led elsewhere. */
export const noFlows: Flows = {
  retire: () => {},
  settled: async () => {},
  drain: async () => {},
  sweep: async () => {},
  published: async () => {},
  withdrawn: async () => {},
  [Symbol.dispose]: () => {},
};

export class TrackedFlows implements Flows {
  /** Its own: a walk must not hold up changes of rules. */
  readonly #socket: NetlinkSocket;
  readonly #logger: Logger;
  readonly #retired = new Map<string, Address>();
  readonly #again: Retries;
  #timer: NodeJS.Timeout | undefined;
  /** When the last pass ended, by `performance.now`. */
  #last = -REST_MS;
  #passes: Promise<void> = Promise.resolve();

  constructor(native: Native, logger: Logger) {
    this.#socket = new NetlinkSocket(native, NETLINK_NETFILTER);
    this.#logger = logger;
    this.#again = new Retries({ what: "forgetting connections of containers", work: () => this.#pass(), logger });
  }

  retire(addresses: readonly Address[]): void {
    for (const address of addresses) this.#retired.set(keyOf(address), address);
    if (this.#retired.size === 0) return;
    const wait = Math.max(GATHER_MS, this.#last + REST_MS - performance.now());
    this.#timer ??= setTimeout(() => void this.drain(), wait).unref();
  }

  async settled(addresses: readonly Address[]): Promise<void> {
    if (addresses.some((address) => this.#retired.has(keyOf(address)))) await this.drain();
  }

  drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#passes = this.#passes.then(() => this.#pass()).catch((error: unknown) => this.#again.later(error));
    return this.#passes;
  }

  async #pass(): Promise<void> {
    const addresses = [...this.#retired.values()];
    if (addresses.length > 0) crashPoint("network-flows:due");
    for (const family of [4, 6] as const) {
      const bytes = addresses.filter((address) => address.family === family).map(addressBytes);
      if (bytes.length === 0) continue;
      const filters = bytes.flatMap((source): FlowFilter[] => [
        { direction: "original", source },
        { direction: "reply", source },
      ]);
      await this.#forget(family, filters, { mention: bytes });
    }
    for (const address of addresses) this.#retired.delete(keyOf(address));
    this.#last = performance.now();
  }

  async sweep(subnets: readonly Subnet[], known: readonly Address[]): Promise<void> {
    const kept = new Set(known.map(keyOf));
    const isStray = (bytes: Buffer) => {
      const address = addressOfBytes(bytes);
      return subnets.some((subnet) => contains(subnet, address)) && !kept.has(keyOf(address));
    };
    await this.#quietly(async () => {
      for (const family of [4, 6] as const) {
        if (!subnets.some((subnet) => subnet.family === family)) continue;
        await this.#forget(family, undefined, {
          where: ({ original, reply }) =>
            [original.source, original.destination, reply.source, reply.destination].some(isStray),
        });
      }
    });
  }

  async published(ports: readonly PortForward[]): Promise<void> {
    await this.#ofUdp(ports, async (family, list) => {
      const local = new Set(
        Object.values(networkInterfaces()).flatMap((found) => (found ?? []).flatMap(({ address }) => keysOf(address))),
      );
      const filters = list.map(({ hostPort }): FlowFilter => ({
        direction: "original",
        service: { protocol: IPPROTO_UDP, destinationPort: hostPort },
      }));
      const reached = ({ original, reply }: TrackedConnection) =>
        original.protocol === IPPROTO_UDP &&
        original.destination.equals(reply.source) &&
        local.has(keyOf(addressOfBytes(original.destination))) &&
        list.some(({ hostPort }) => hostPort === original.destinationPort);
      await this.#forget(family, filters, { where: reached });
    });
  }

  async withdrawn(ports: readonly PortForward[]): Promise<void> {
    await this.#ofUdp(ports, async (family, list) => {
      const mention = list.map(({ target }) => addressBytes(target));
      const filters = mention.map((source): FlowFilter => ({ direction: "reply", source }));
      const led = ({ reply }: TrackedConnection) =>
        reply.protocol === IPPROTO_UDP && mention.some((target) => reply.source.equals(target));
      await this.#forget(family, filters, { mention, where: led });
    });
  }

  async #ofUdp(
    ports: readonly PortForward[],
    work: (family: 4 | 6, list: PortForward[]) => Promise<void>,
  ): Promise<void> {
    await this.#quietly(async () => {
      for (const family of [4, 6] as const) {
        const list = ports.filter(({ protocol, target }) => protocol === "udp" && target.family === family);
        if (list.length > 0) await work(family, list);
      }
    });
  }

  /** @param filters by which the kernel looks where that is less work; undefined: whatever there is. */
  async #forget(
    family: 4 | 6,
    filters: readonly FlowFilter[] | undefined,
    {
      mention,
      where = () => true,
    }: { mention?: readonly Buffer[]; where?: (connection: TrackedConnection) => boolean },
  ): Promise<void> {
    const isSmall = Number(await readFile(COUNT, "latin1").catch(() => "")) <= SMALL_TABLE;
    const asked =
      filters !== undefined && (filters.length === 1 || (!isSmall && filters.length <= FEW))
        ? filters.map((filter) => listConnections(family, filter))
        : [listConnections(family)];
    for (const item of asked) {
      const connections = connectionsOf(await this.#socket.request([item]), mention);
      for (const connection of connections.filter(where)) await this.#delete(connection);
    }
  }

  async #delete(connection: TrackedConnection): Promise<void> {
    try {
      await this.#socket.request([deleteConnection(connection)]);
    } catch (error) {
      // It ended by itself meanwhile.
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#logger.warn("connections of containers that are gone are still tracked", { error: messageOf(error) });
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#again[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }
}

const keyOf = (address: Address) => `${address.family} ${address.value}`;

function keysOf(text: string): string[] {
  const address = parseAddress(text);
  return address === undefined ? [] : [keyOf(address)];
}
