import { connect, type Socket } from "node:net";
import { errnoOf } from "../../base/index.ts";
import { netdFailed } from "../errors.ts";
import { onLines, send, type Reply, type Request } from "./wire.ts";

/** The connection ended before the answer. */
export class LinkLost extends Error {}

interface Pending {
  resolve: (reply: { version?: string }) => void;
  reject: (error: unknown) => void;
}

/** A connection to a netd that runs. */
export class NetdLink {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly ended: Promise<void>;
  #next = 1;
  #over = false;

  private constructor(socket: Socket, log: (line: string) => void) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#over = true;
      for (const { reject } of this.#pending.values()) reject(new LinkLost("hung up"));
      resolve();
    });
    onLines(socket, (message) => {
      const reply = message as Reply; // written by `send` of our own executable, of whatever version
      if ("log" in reply) return log(reply.log);
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (reply.error === undefined) pending?.resolve(reply);
      else pending?.reject(netdFailed(`refused: ${reply.error}`));
    });
  }

  /** Undefined when nobody listens there. */
  static async open(path: string, log: (line: string) => void): Promise<NetdLink | undefined> {
    const socket = connect(path);
    try {
      await new Promise((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("error", reject);
      });
    } catch (error) {
      if (["ENOENT", "ECONNREFUSED", "ECONNRESET"].includes(errnoOf(error) ?? "")) return undefined;
      throw error;
    }
    // What is left to be done keeps the daemon alive, not this.
    socket.unref();
    return new NetdLink(socket, log);
  }

  /** @throws LinkLost, unavailable with what netd says. */
  request(request: Request): Promise<{ version?: string }> {
    if (this.#over) return Promise.reject(new LinkLost("hung up"));
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<{ version?: string }>();
    this.#pending.set(id, { resolve, reject });
    send(this.#socket, { ...request, id });
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}
