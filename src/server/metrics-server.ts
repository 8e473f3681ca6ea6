import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Logger } from "../base/index.ts";
import { metricsText, TEXT_TYPE, type Family } from "../metrics/index.ts";
import { Connection, defaultLimits, type Exchange, Presence, systemTimers } from "./http/index.ts";

/** Who reads metrics are few; anybody on this host may connect, and must not take the daemon's open files. */
const MOST_CLIENTS = 64;
/** A scraper says what it wants at once. */
const LIMITS = { ...defaultLimits, headBytes: 16 * 1024, headMs: 10_000 };

export interface MetricsServer extends AsyncDisposable {
  /** The one that was chosen, for port 0. */
  readonly port: number;
}

/**
 * Serves `/metrics` in Prometheus's text format, as Docker's `metrics-addr` does; nothing else is there.
 * @throws the system's error when the address cannot be had.
 */
export async function serveMetrics(parts: {
  host: string;
  port: number;
  families: readonly Family[];
  logger: Logger;
}): Promise<MetricsServer> {
  const { families, logger } = parts;
  const connections = new Set<Connection>();
  const presence = new Presence(systemTimers, LIMITS.presenceMs);
  const accept = (socket: Socket): void => {
    if (connections.size >= MOST_CLIENTS) return void socket.destroy();
    const connection = new Connection(socket, {
      limits: LIMITS,
      timers: systemTimers,
      presence,
      logger,
      handle: (exchange) => answer(exchange, families),
    });
    connections.add(connection);
    void connection.serve().finally(() => connections.delete(connection));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  server.listen({ host: parts.host, port: parts.port });
  await once(server, "listening");
  server.on("error", (error) => logger.error("metrics listener failed", { error: error.message }));
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : parts.port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

async function answer({ head, response }: Exchange, families: readonly Family[]): Promise<void> {
  // An idle scraper would hold one of few places.
  response.closeAfter();
  if (head.target.split("?", 1)[0] !== "/metrics") {
    response.send(404, { "Content-Type": "text/plain; charset=utf-8" }, "404 page not found\n");
    return;
  }
  response.send(200, { "Content-Type": TEXT_TYPE }, await metricsText(families));
}
