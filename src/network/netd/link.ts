import { connect, type Socket } from "node:net";
import { errnoOf } from "../../base/index.ts";
import { netdFailed } from "../errors.ts";
import { onLines, send, type Reply, type Request } from "./wire.ts";

/** The connection ended before the answer. */
export class LinkLost extends Error {}

/** The answer did not come in time: the process is stopped, or stuck. Told once of a link; other requests see it lost. */
export class LinkStuck extends LinkLost {}

interface Pending {
  resolve: (reply: { version?: string }) => void;
  reject: (error: unknown) => void;
}

/** A connection to a netd that runs. */
export class NetdLink {
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #pending = new Map<number, Pending>();
  readonly ended: Promise<void>;
  #next = 1;
  #over = false;
  #stuck = false;

  private constructor(socket: Socket, patience: number, log: (line: string) => void) {
    this.#socket = socket;
    this.#patience = patience;
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

  /** Undefined when nobody listens there. @param patience milliseconds for each answer. */
  static async open(path: string, patience: number, log: (line: string) => void): Promise<NetdLink | undefined> {
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
    return new NetdLink(socket, patience, log);
  }

  /** @throws LinkLost, LinkStuck, after which the link is closed, unavailable with what netd says. */
  async request(request: Request): Promise<{ version?: string }> {
    if (this.#over) throw new LinkLost("hung up");
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<{ version?: string }>();
    this.#pending.set(id, { resolve, reject });
    const timer = setTimeout(() => {
      reject(this.#stuck ? new LinkLost("hung up") : new LinkStuck("does not answer"));
      this.#stuck = true;
      this.close();
    }, this.#patience);
    send(this.#socket, { ...request, id });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the process to end, as long as for an answer at most, and closes. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.close(), this.#patience);
    await this.ended;
    clearTimeout(timer);
  }

  close(): void {
    this.#socket.destroy();
  }
}
