import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

/** Where a stream goes: a path, or a host with its port, plain or by TLS. */
export type StreamTarget = { path: string } | { host: string; port: number; tls?: ConnectionOptions };

/** How long a receiver may take to accept a connection, or to take anything of what was written. */
const PATIENCE_MS = 30_000;

interface Link {
  readonly socket: Socket;
  /** Why the connection is gone. */
  gone: Error | undefined;
  /** Those who wait for something of it. A promise of its end would keep each of them as long as it lasts. */
  readonly waiting: Set<(error: Error) => void>;
}

/** A connection to a receiver, made when it is needed and made again after it broke. */
export class StreamConnection implements AsyncDisposable {
  readonly #target: StreamTarget;
  readonly #patience: number;
  #link: Link | undefined;
  /** What the receiver said. */
  #input: Buffer[] = [];
  #wake: (() => void) | undefined;

  constructor(target: StreamTarget, patience = PATIENCE_MS) {
    this.#target = target;
    this.#patience = patience;
  }

  /** Resolves when the bytes were handed over. @throws the system's error; the connection is gone then. */
  async write(bytes: Uint8Array): Promise<void> {
    const link = this.#link ?? (await this.#connect());
    await this.#within(link, new Promise<void>((resolve) => link.socket.write(bytes, () => resolve())));
    if (this.#link !== link) throw closed();
  }

  /**
   * The next bytes that the receiver sends.
   * @param patience milliseconds that it may take.
   * @throws when the connection ends before.
   */
  async read(patience?: number): Promise<Buffer> {
    const link = this.#link;
    if (link === undefined) throw closed();
    const said = new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#input.length === 0) await this.#within(link, said, patience);
    this.#wake = undefined;
    const input = Buffer.concat(this.#input);
    this.#input = [];
    return input;
  }

  async #connect(): Promise<Link> {
    const target = this.#target;
    const secure = "host" in target ? target.tls : undefined;
    const socket =
      "path" in target
        ? connectPlain({ path: target.path })
        : secure === undefined
          ? connectPlain({ host: target.host, port: target.port })
          : connectTls({ host: target.host, port: target.port, ...secure });
    const link: Link = { socket, gone: undefined, waiting: new Set() };
    this.#link = link;
    this.#input = [];
    const drop = (error: Error = closed()) => {
      if (this.#link === link) this.#link = undefined;
      link.gone ??= error;
      for (const fail of link.waiting) fail(link.gone);
      socket.destroy();
    };
    // A receiver that ends its side takes nothing more.
    socket
      .on("error", drop)
      .on("end", () => drop())
      .on("close", () => drop());
    socket.on("data", (data: Buffer) => {
      this.#input.push(data);
      this.#wake?.();
    });
    const event = secure === undefined ? "connect" : "secureConnect";
    await this.#within(link, new Promise<void>((resolve) => socket.once(event, resolve)));
    return link;
  }

  /** Waits at most the receiver's time; a failure ends the connection. */
  async #within(link: Link, work: Promise<void>, patience = this.#patience): Promise<void> {
    if (link.gone !== undefined) throw link.gone;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("the receiver does not answer")), patience);
    link.waiting.add(reject);
    work.then(resolve, reject);
    try {
      await promise;
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      link.socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      link.waiting.delete(reject);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends the connection; what was written is still sent, and the next write makes another one. */
  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    link.waiting.add(() => resolve());
    const timer = setTimeout(() => {
      link.socket.destroy();
      resolve();
    }, 1000);
    link.socket.end();
    if (link.gone === undefined) await ended;
    clearTimeout(timer);
  }
}

const closed = () => new Error("the receiver closed the connection");
