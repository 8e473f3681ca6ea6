import { once } from "node:events";
import { chmod, chown, rm } from "node:fs/promises";
import { createServer as createNetServer, type ListenOptions, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { formatApiVersion, MAX_API_VERSION } from "../api/index.ts";
import type { Logger } from "../base/index.ts";
import { Dispatcher, type ResponseObserver } from "./dispatch.ts";
import {
  Connection,
  defaultLimits,
  type DescriptorCalls,
  type HttpLimits,
  Presence,
  systemTimers,
  type Timers,
} from "./http/index.ts";
import { checkHost } from "./host-check.ts";
import { type Backends, createRoutes } from "./routes/index.ts";
import { removeStaleSocket } from "./stale-socket.ts";
import { UnknownFields } from "./unknown-fields.ts";

export interface ServerOptions {
  readonly backends: Backends;
  /** The engine's version, for the `Server` header. */
  readonly version: string;
  readonly logger: Logger;
  readonly experimental?: boolean;
  readonly responseObserver?: ResponseObserver;
  readonly limits?: Partial<HttpLimits>;
  readonly timers?: Timers;
  /** With it, threads that work with large bodies read and write clients' sockets by themselves. */
  readonly native?: DescriptorCalls;
}

/** Certificates of a TLS listener: with `ca`, clients have to show a certificate that it signed. */
export interface TlsOptions {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  readonly ca?: string | Buffer;
}

/** With `names`, requests that call this host by another name or come from a web page are refused (`checkHost`). */
export type ListenAddress =
  | { readonly path: string; readonly mode?: number; readonly gid?: number }
  | { readonly host: string; readonly port: number; readonly tls?: TlsOptions; readonly names?: readonly string[] }
  /** A listening socket that was handed over. */
  | { readonly fd: number; readonly names?: readonly string[] };

export interface ApiListener {
  /** The port, when it is TCP. */
  readonly port: number | undefined;
}

export interface ApiServer {
  /** Starts to accept. @throws the system's error when the address cannot be had. */
  listen(address: ListenAddress): Promise<ApiListener>;
  /** How often clients sent fields that no operation knows. */
  readonly unknownFields: ReadonlyMap<string, number>;
  /** How many clients are connected. */
  readonly connections: number;
  /** Stops accepting, lets requests end for that long, then ends them. */
  close(options: { graceMs: number }): Promise<void>;
}

/** The Engine API on any number of listeners. */
export function createServer(options: ServerOptions): ApiServer {
  return new HttpApiServer(options);
}

class HttpApiServer implements ApiServer {
  readonly #timers: Timers;
  readonly #limits: HttpLimits;
  readonly #logger: Logger;
  readonly #dispatcher: Dispatcher;
  readonly #unknown: UnknownFields;
  readonly #presence: Presence;
  readonly #native: DescriptorCalls | undefined;
  readonly #listeners = new Set<Server>();
  readonly #paths = new Set<string>();
  readonly #connections = new Set<Connection>();
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: ServerOptions) {
    this.#timers = options.timers ?? systemTimers;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#logger = options.logger;
    this.#native = options.native;
    this.#unknown = new UnknownFields(options.logger);
    this.#presence = new Presence(this.#timers, this.#limits.presenceMs);
    this.#dispatcher = new Dispatcher({
      routes: createRoutes(options.backends),
      fields: {
        "Api-Version": formatApiVersion(MAX_API_VERSION),
        "Docker-Experimental": String(options.experimental ?? false),
        Ostype: "linux",
        Server: `Docker/${options.version} (linux)`,
      },
      logger: options.logger,
      unknownFields: this.#unknown,
      ...(options.responseObserver === undefined ? {} : { observer: options.responseObserver }),
    });
  }

  get unknownFields(): ReadonlyMap<string, number> {
    return this.#unknown.counts;
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(address: ListenAddress): Promise<ApiListener> {
    const server = this.#serverFor(address);
    const wanted = await listenOptions(address);
    const listening = once(server, "listening");
    bind(server, wanted);
    await listening;
    server.on("error", (error) => this.#logger.error("listener failed", { error: error.message }));
    this.#listeners.add(server);
    if ("path" in address) {
      this.#paths.add(address.path);
      if (address.gid !== undefined) await chown(address.path, 0, address.gid);
      await chmod(address.path, address.mode ?? 0o660);
    }
    const bound = server.address();
    return { port: typeof bound === "object" && bound !== null ? bound.port : undefined };
  }

  async close(options: { graceMs: number }): Promise<void> {
    this.#closing = true;
    for (const listener of this.#listeners) listener.close();
    for (const path of this.#paths) await rm(path, { force: true });
    for (const connection of this.#connections) connection.retire();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    using _limit = this.#timers.after(options.graceMs, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    await promise;
  }

  #serverFor(address: ListenAddress): Server {
    const names = "names" in address ? address.names : undefined;
    const known = names === undefined ? undefined : new Set(names.map((name) => name.toLowerCase()));
    const accept = (socket: Socket): void => this.#accept(socket, known);
    const tls = "host" in address ? address.tls : undefined;
    if (tls === undefined) return createNetServer({ allowHalfOpen: true, noDelay: true }, accept);
    const server = createTlsServer(
      {
        key: tls.key,
        cert: tls.cert,
        allowHalfOpen: true,
        minVersion: "TLSv1.2",
        handshakeTimeout: this.#limits.headMs,
        ALPNProtocols: ["http/1.1"],
        ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
      },
      accept,
    );
    server.on("tlsClientError", (error) => this.#logger.debug("TLS handshake failed", { error: error.message }));
    return server;
  }

  #accept(socket: Socket, names: ReadonlySet<string> | undefined): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, {
      limits: this.#limits,
      timers: this.#timers,
      presence: this.#presence,
      logger: this.#logger,
      native: this.#native,
      handle: (exchange) =>
        this.#dispatcher.handle(exchange, names === undefined ? undefined : (head) => checkHost(head, names)),
    });
    this.#connections.add(connection);
    void connection.serve().finally(() => {
      this.#connections.delete(connection);
      if (this.#closing && this.#connections.size === 0) this.#idle?.();
    });
  }
}

/** Binds so that nobody but root can connect until the socket has its own mode: it appears within this call. */
function bind(server: Server, address: ListenOptions): void {
  const before = process.umask(0o177);
  try {
    server.listen(address);
  } finally {
    process.umask(before);
  }
}

async function listenOptions(address: ListenAddress): Promise<ListenOptions & { fd?: number }> {
  if ("fd" in address) return { fd: address.fd };
  if ("host" in address) return { host: address.host, port: address.port, backlog: 4096 };
  await removeStaleSocket(address.path);
  return { path: address.path, backlog: 4096 };
}
