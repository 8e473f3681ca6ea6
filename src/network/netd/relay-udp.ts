import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import type { Relaying } from "./relay.ts";

/** A client that is silent for so long is a new one when it speaks again; as of Docker's relay. */
const IDLE_MS = 90_000;
/** Clients of one port, each of which has a socket; the one that was silent longest gives way. */
const MOST_CLIENTS = 512;

interface Flow {
  socket: Socket;
  idle: NodeJS.Timeout;
}

/**
 * Relays datagrams that come to a bound socket, whose descriptor is the relay's from here on. Each client has a socket
 * towards the target, so that answers find their way back.
 */
export function relayDatagrams(
  descriptor: number,
  target: { host: string; port: number },
  warn: (error: unknown) => void,
): Relaying {
  const flows = new Map<string, Flow>();
  const server = createSocket("udp6");

  function end(key: string): void {
    const flow = flows.get(key);
    flows.delete(key);
    clearTimeout(flow?.idle);
    flow?.socket.close();
  }

  function begin(key: string, client: RemoteInfo): Flow {
    const [oldest] = flows.keys();
    if (flows.size >= MOST_CLIENTS && oldest !== undefined) end(oldest);
    const socket = createSocket(target.host.includes(":") ? "udp6" : "udp4");
    const idle = setTimeout(() => end(key), IDLE_MS).unref();
    socket.on("error", (error) => {
      warn(error);
      end(key);
    });
    socket.on("message", (answer, { address, port }) => {
      if (address !== target.host || port !== target.port || !flows.has(key)) return;
      idle.refresh();
      server.send(answer, client.port, client.address, () => undefined); // it may be gone
    });
    return { socket, idle };
  }

  server.on("error", warn);
  server.on("message", (data, client) => {
    const key = `${client.address}/${client.port}`;
    const flow = flows.get(key) ?? begin(key, client);
    // Behind all that have spoken before.
    flows.delete(key);
    flows.set(key, flow);
    flow.idle.refresh();
    flow.socket.send(data, target.port, target.host, () => undefined); // lost, as datagrams are
  });
  server.bind({ fd: descriptor });
  const stop = () => {
    server.close();
    for (const key of flows.keys()) end(key);
  };
  return { stop, retire: async () => stop() };
}
