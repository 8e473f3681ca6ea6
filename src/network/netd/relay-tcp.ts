import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import type { Relaying } from "./relay.ts";

/** Relays connections on a listening socket, whose descriptor is the relay's from here on. */
export function relayConnections(
  descriptor: number,
  target: { host: string; port: number },
  warn: (error: unknown) => void,
): Relaying {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    join(client, connect({ ...target, allowHalfOpen: true }), sockets);
  });
  server.on("error", warn);
  server.listen({ fd: descriptor });
  return {
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    async retire() {
      server.close();
      await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    },
  };
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
