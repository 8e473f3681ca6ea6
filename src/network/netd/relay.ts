import { closeSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { Logger } from "../../base/index.ts";
import { messageOf } from "../../base/index.ts";
import { portOf } from "../../sys/index.ts";
import type { Native } from "../../sys/index.ts";
import type { PublishedPort } from "../records.ts";
import type { Relay } from "./types.ts";

interface Serving {
  server: Server;
  sockets: Set<Socket>;
}

/**
 * Relays TCP connections to an IPv6 address of the host to a container that has IPv4 only: the packet filter translates
 * within one family. `localhost` is `[::1]` first for many clients.
 */
export class PortRelay {
  readonly #native: Native;
  readonly #logger: Logger;
  readonly #serving = new Map<string, Serving>();

  constructor(native: Native, logger: Logger) {
    this.#native = native;
    this.#logger = logger;
  }

  /**
   * Accepts connections on a duplicate of the listening socket that the container's supervisor holds; one that cannot be
   * had is logged.
   */
  start(relay: Relay): void {
    const { port, target } = relay;
    if (this.#serving.has(keyOf(port))) return;
    const warn = (error: unknown) => this.#logger.warn("port relay", { port: port.hostPort, error: messageOf(error) });
    try {
      const descriptor = this.#duplicate(port);
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true }, (client) => {
        join(client, connect({ host: target, port: port.containerPort, allowHalfOpen: true }), sockets);
      });
      server.on("error", warn);
      server.listen({ fd: descriptor });
      this.#serving.set(keyOf(port), { server, sockets });
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
    const found = this.#serving.get(keyOf(port));
    this.#serving.delete(keyOf(port));
    found?.server.close();
    for (const socket of found?.sockets ?? []) socket.destroy();
  }

  /** Takes no more connections; gives when the last of those that there are has ended. */
  async retire(): Promise<void> {
    for (const { server } of this.#serving.values()) server.close();
    const sockets = [...this.#serving.values()].flatMap((serving) => [...serving.sockets]);
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }
}

/** Carries both directions, half-closes included; an error on one side ends both. */
function join(client: Socket, target: Socket, sockets: Set<Socket>): void {
  for (const [from, to] of [
    [client, target],
    [target, client],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      if (!to.destroyed && !from.readableEnded) to.destroy();
    });
  }
}

const keyOf = (port: PublishedPort) => `${port.hostAddress}/${port.hostPort}`;
