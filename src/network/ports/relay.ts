import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { Logger } from "../../base/index.ts";
import { messageOf } from "../../base/index.ts";
import { F_DUPFD_CLOEXEC, SO_REUSEADDR, SOL_SOCKET } from "../../sys/index.ts";
import type { Native } from "../../sys/index.ts";
import type { PublishedPort } from "../records.ts";

const BACKLOG = 128;

/**
 * Relays TCP connections to an IPv6 address of the host to a container that has IPv4 only: the packet filter translates
 * within one family. `localhost` is `[::1]` first for many clients.
 */
export class PortRelay {
  readonly #native: Native;
  readonly #logger: Logger;
  readonly #servers = new Map<string, { server: Server; sockets: Set<Socket> }>();

  constructor(native: Native, logger: Logger) {
    this.#native = native;
    this.#logger = logger;
  }

  /** Listens on the bound socket `descriptor`, which stays its owner's. */
  start(port: PublishedPort, descriptor: number, targetAddress: string): void {
    const own = this.#native.fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    // Connections inherit it: those in TIME_WAIT then let the port be bound again.
    this.#native.setsockopt(own, SOL_SOCKET, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]));
    this.#native.listen(own, BACKLOG);
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const target = connect({ host: targetAddress, port: port.containerPort, allowHalfOpen: true });
      join(client, target, sockets);
    });
    server.on("error", (error) => this.#logger.warn("port relay", { port: port.hostPort, error: messageOf(error) }));
    server.listen({ fd: own });
    this.#servers.set(keyOf(port), { server, sockets });
  }

  stop(ports: readonly PublishedPort[]): void {
    for (const port of ports) this.#stop(keyOf(port));
  }

  stopAll(): void {
    for (const key of this.#servers.keys()) this.#stop(key);
  }

  #stop(key: string): void {
    const found = this.#servers.get(key);
    this.#servers.delete(key);
    found?.server.close();
    for (const socket of found?.sockets ?? []) socket.destroy();
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
