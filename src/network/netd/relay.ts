import { closeSync } from "node:fs";
import type { Logger } from "../../base/index.ts";
import { messageOf } from "../../base/index.ts";
import { portOf } from "../../sys/index.ts";
import type { Native } from "../../sys/index.ts";
import type { PublishedPort } from "../records.ts";
import { relayConnections } from "./relay-tcp.ts";
import { relayDatagrams } from "./relay-udp.ts";
import type { Relay } from "./types.ts";

/** What a port that is relayed has. */
export interface Relaying {
  stop(): void;
  /** Takes no more clients; gives when the last connection of those that there are has ended. */
  retire(): Promise<void>;
}

/**
 * Relays connections and datagrams to an IPv6 address of the host to a container that has IPv4 only: the packet filter
 * translates within one family. `localhost` is `[::1]` first for many clients.
 */
export class PortRelay {
  readonly #native: Native;
  readonly #logger: Logger;
  readonly #serving = new Map<string, Relaying>();

  constructor(native: Native, logger: Logger) {
    this.#native = native;
    this.#logger = logger;
  }

  /**
   * Takes what comes to a duplicate of the socket that the container's supervisor holds; one that cannot be
   * had is logged.
   */
  start(relay: Relay): void {
    const { port, target } = relay;
    if (this.#serving.has(keyOf(port))) return;
    const warn = (error: unknown) => this.#logger.warn("port relay", { port: port.hostPort, error: messageOf(error) });
    try {
      const serve = port.protocol === "udp" ? relayDatagrams : relayConnections;
      const relaying = serve(this.#duplicate(port), { host: target, port: port.containerPort }, warn);
      this.#serving.set(keyOf(port), relaying);
    } catch (error) {
      warn(error);
    }
  }

  #duplicate({ held, hostPort }: PublishedPort): number {
    const pidfd = this.#native.pidfdOpen(held.pid, 0);
    try {
      const descriptor = this.#native.pidfdGetfd(pidfd, held.descriptor);
      try {
        if (portOf(this.#native.getsockname(descriptor)) === hostPort) return descriptor;
        throw new Error(`descriptor ${held.descriptor} of process ${held.pid} is not its socket`);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    } finally {
      closeSync(pidfd);
    }
  }

  stop(port: PublishedPort): void {
    this.#serving.get(keyOf(port))?.stop();
    this.#serving.delete(keyOf(port));
  }

  /** Takes no more clients; gives when the last of the connections that there are has ended. */
  async retire(): Promise<void> {
    await Promise.all([...this.#serving.values()].map((relaying) => relaying.retire()));
  }
}

const keyOf = (port: PublishedPort) => `${port.protocol}/${port.hostAddress}/${port.hostPort}`;
