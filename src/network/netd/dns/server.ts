import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { messageOf } from "../../../base/index.ts";
import type { Logger } from "../../../base/index.ts";
import type { Forwarder } from "./forwarder.ts";
import type { ContainerNames } from "./names.ts";
import { TcpFrames } from "./tcp-frames.ts";
import { answer, encodeName, fitDatagram, offeredSize, parseQuery, RCODE, reverseAddress, TYPE } from "./wire.ts";
import type { Query } from "./wire.ts";

export interface NameServerParts {
  /** The container whose questions these are. */
  container: string;
  names: ContainerNames;
  forwarder: Forwarder;
  /** Asked at each question, so that a change of networks counts at once. */
  upstreams: () => string[];
  logger: Logger;
}

const MAX_TCP_CLIENTS = 64;
const TCP_IDLE_MS = 10_000;

/** Gives the reply to a message, or undefined when it deserves none. */
export async function respond(
  parts: NameServerParts,
  message: Buffer,
  transport: "udp" | "tcp",
): Promise<Buffer | undefined> {
  const query = parseQuery(message);
  if (query === undefined) return undefined;
  const reply =
    localReply(parts, message, query) ??
    (await parts.forwarder.ask(message, parts.upstreams(), transport)) ??
    answer(message, query, RCODE.serverFailure);
  return transport === "udp" ? fitDatagram(reply, query, offeredSize(message, query)) : reply;
}

function localReply(parts: NameServerParts, message: Buffer, query: Query): Buffer | undefined {
  if (!query.internet) return undefined;
  if (query.type === TYPE.PTR) {
    const address = reverseAddress(query.name);
    const name = address === undefined ? undefined : parts.names.reverse(parts.container, address);
    return name === undefined ? undefined : answer(message, query, RCODE.success, [encodeName(name)]);
  }
  // Other types of a container's name: it exists, without such data.
  const found = parts.names.lookup(parts.container, query.name, query.type === TYPE.AAAA ? 6 : 4);
  if (found === undefined) return undefined;
  return answer(message, query, RCODE.success, query.type === TYPE.A || query.type === TYPE.AAAA ? found : []);
}

/**
 * Serves one container on two sockets that are bound in its network namespace. The descriptors are the server's from
 * here on.
 */
export function startNameServer(parts: NameServerParts, sockets: { udp: number; tcp: number }): Disposable {
  const udp = createSocket("udp4");
  const warn = (error: unknown) => parts.logger.warn("name server", { error: messageOf(error) });
  udp.on("error", warn);
  udp.on("message", (message, from) => {
    respond(parts, message, "udp").then((reply) => {
      if (reply !== undefined) udp.send(reply, from.port, from.address, () => undefined);
    }, warn);
  });
  udp.bind({ fd: sockets.udp });

  const clients = new Set<Socket>();
  const tcp = createServer((socket) => {
    if (clients.size >= MAX_TCP_CLIENTS) return socket.destroy();
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    serveTcp(parts, socket, warn);
    return undefined;
  });
  tcp.on("error", warn);
  tcp.listen({ fd: sockets.tcp });
  return {
    [Symbol.dispose]: () => {
      udp.close();
      tcp.close();
      for (const socket of clients) socket.destroy();
    },
  };
}

function serveTcp(parts: NameServerParts, socket: Socket, warn: (error: unknown) => void): void {
  const frames = new TcpFrames();
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    for (const message of frames.push(data))
      respond(parts, message, "tcp").then((reply) => {
        if (reply !== undefined && socket.writable) socket.write(TcpFrames.frame(reply));
      }, warn);
  });
}
