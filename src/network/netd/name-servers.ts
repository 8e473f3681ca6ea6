import { closeSync } from "node:fs";
import type { Logger } from "../../base/index.ts";
import {
  AF_INET,
  NETLINK_NETFILTER,
  NetlinkSocket,
  nft,
  portOf,
  SOCK_DGRAM,
  SOCK_STREAM,
  socketAddress,
} from "../../sys/index.ts";
import type { Native } from "../../sys/index.ts";
import { addressBytes, parseAddress } from "../address.ts";
import { Forwarder } from "./dns/forwarder.ts";
import type { ContainerNames } from "./dns/names.ts";
import { startNameServer } from "./dns/server.ts";
import { EMBEDDED_DNS } from "../files.ts";

const TABLE: nft.Table = { family: "ip", name: "berth-dns" };
const DNS_PORT = Buffer.from([0, 53]);
const TCP_BACKLOG = 16;
const embedded = parseAddress(EMBEDDED_DNS);
const EMBEDDED_BYTES = embedded === undefined ? Buffer.alloc(4) : addressBytes(embedded);

/**
 * The embedded name servers, one a sandbox on a user-defined network: sockets on random ports of 127.0.0.11 in the
 * container's namespace, to which rules in there translate port 53. A socket on 53 itself would stop the container
 * from running a name server of its own.
 */
export class NameServers {
  readonly #native: Native;
  readonly #names: ContainerNames;
  readonly #upstreams: (container: string) => string[];
  readonly #logger: Logger;
  readonly #forwarder = new Forwarder();
  readonly #running = new Map<string, Disposable>();

  /** @param parts.upstreams asked at each question, so that a change of networks counts at once. */
  constructor(parts: {
    native: Native;
    names: ContainerNames;
    upstreams: (container: string) => string[];
    logger: Logger;
  }) {
    this.#native = parts.native;
    this.#names = parts.names;
    this.#upstreams = parts.upstreams;
    this.#logger = parts.logger;
  }

  /**
   * Starts the container's name server when it has none. Loopback must be up in the namespace.
   * @param fresh the namespace is new, so that no older rules have to go: removing a table costs 10 ms.
   */
  async serve(container: string, netnsFd: number, fresh: boolean): Promise<void> {
    if (this.#running.has(container)) return;
    const udp = this.#socket(netnsFd, SOCK_DGRAM);
    let tcp: { fd: number; port: number } | undefined;
    try {
      tcp = this.#socket(netnsFd, SOCK_STREAM);
      this.#native.listen(tcp.fd, TCP_BACKLOG);
      await this.#redirect(netnsFd, udp.port, tcp.port, fresh);
    } catch (error) {
      closeSync(udp.fd);
      if (tcp !== undefined) closeSync(tcp.fd);
      throw error;
    }
    const parts = {
      container,
      names: this.#names,
      forwarder: this.#forwarder,
      upstreams: () => this.#upstreams(container),
      logger: this.#logger.with({ container: container.slice(0, 12) }),
    };
    this.#running.set(container, startNameServer(parts, { udp: udp.fd, tcp: tcp.fd }));
  }

  stop(container: string): void {
    this.#running.get(container)?.[Symbol.dispose]();
    this.#running.delete(container);
  }

  #socket(netnsFd: number, type: number): { fd: number; port: number } {
    const fd = this.#native.socketInNetns(netnsFd, AF_INET, type, 0);
    try {
      this.#native.bind(fd, socketAddress(EMBEDDED_BYTES, 0));
      return { fd, port: portOf(this.#native.getsockname(fd)) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  async #redirect(netnsFd: number, udpPort: number, tcpPort: number, fresh: boolean): Promise<void> {
    using inside = new NetlinkSocket(this.#native, NETLINK_NETFILTER, netnsFd);
    await inside.request(
      nft.batch([
        nft.addTable(TABLE),
        ...(fresh ? [] : [nft.deleteTable(TABLE), nft.addTable(TABLE)]),
        nft.addChain(TABLE, "output", { type: "nat", hook: "output", priority: -100 }),
        nft.addRule(TABLE, "output", redirection(17, udpPort)),
        nft.addRule(TABLE, "output", redirection(6, tcpPort)),
      ]),
    );
  }
}

function redirection(protocol: number, port: number): nft.Expression[] {
  const portBytes = Buffer.from([port >> 8, port & 255]);
  return [
    nft.payload("network", nft.ADDRESS_OFFSET[4].destination, 4),
    nft.compare(EMBEDDED_BYTES),
    nft.meta("l4proto"),
    nft.compare(Buffer.from([protocol])),
    nft.payload("transport", 2, 2),
    nft.compare(DNS_PORT),
    nft.immediate(nft.concatenate(EMBEDDED_BYTES, portBytes)),
    nft.dnat(4),
  ];
}
