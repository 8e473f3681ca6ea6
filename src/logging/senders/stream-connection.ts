import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

/** Where a stream goes: a path, or a host with its port, plain or by TLS. */
export type StreamTarget = { path: string } | { host: string; port: number; tls?: ConnectionOptions };

/** How long a receiver may take to accept a connection, or to take anything of what was written. */
const PATIENCE_MS = 30_000;

interface Link {
  readonly socket: Socket;
  /** Rejects when the connection is gone. */
  readonly broken: Promise<never>;
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

  /** The next bytes that the receiver sends. @throws when the connection ends before. */
  async read(): Promise<Buffer> {
    const link = this.#link;
    if (link === undefined) throw closed();
    if (this.#input.length === 0) await this.#within(link, new Promise<void>((resolve) => (this.#wake = resolve)));
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
    const { promise: broken, reject } = Promise.withResolvers<never>();
    broken.catch(() => undefined); // whoever waits sees it; nobody has to
    const link = { socket, broken };
    this.#link = link;
    this.#input = [];
    const drop = (error?: Error) => {
      if (this.#link === link) this.#link = undefined;
      reject(error ?? closed());
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
  async #within(link: Link, work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error("the receiver does not answer")), this.#patience);
    });
    try {
      await Promise.race([work, link.broken, late]);
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      link.socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connection; what was written is still sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    const timer = setTimeout(() => link.socket.destroy(), 1000);
    link.socket.end();
    await link.broken.catch(() => undefined); // its end is one way or the other
    clearTimeout(timer);
  }
}

const closed = () => new Error("the receiver closed the connection");
