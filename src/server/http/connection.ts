import type { Socket } from "node:net";
import { isKind, type Logger, messageOf } from "../../base/index.ts";
import type { DescriptorCalls } from "./descriptor.ts";
import type { Exchange, ExchangeHandler, Hijacked } from "./exchange.ts";
import { HttpFault } from "./fault.ts";
import { framingOf, keepsAlive, parseHead, type RequestHead } from "./head.ts";
import type { HttpLimits } from "./limits.ts";
import type { Presence } from "./presence.ts";
import { RequestBody } from "./request-body.ts";
import { Responder } from "./responder.ts";
import { SocketReader } from "./socket-reader.ts";
import { SocketWriter } from "./socket-writer.ts";
import { statusText } from "./status-text.ts";
import type { Timers } from "./timers.ts";

export interface ConnectionOptions {
  readonly limits: HttpLimits;
  readonly timers: Timers;
  readonly presence: Presence;
  readonly logger: Logger;
  readonly handle: ExchangeHandler;
  /** For lending the connection to other threads. */
  readonly native?: DescriptorCalls | undefined;
}

const HEAD_END = Buffer.from("\r\n\r\n");
/** Why a request is aborted when the server ends it. */
export const SERVER_ENDS = new Error("the server ends");
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/** One client's connection: its requests are answered one after another, in their order. */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  #abort: AbortController | undefined;
  #closing = false;
  #served = 0;
  /** The client may have sent what nobody read. */
  #unread = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new SocketReader(socket, options.native);
    this.#writer = new SocketWriter(socket, options.native);
    socket.on("close", () => this.#abort?.abort());
  }

  /** Serves until either side closes. Never throws. */
  async serve(): Promise<void> {
    try {
      while (await this.#serveOne());
    } catch (error) {
      this.#unread = true;
      if (error instanceof HttpFault) this.#refuse(error);
      else if (!isKind(error, "cancelled")) {
        this.#options.logger.error("connection failed", { error: messageOf(error) });
      }
    }
    await this.#leave();
  }

  /** No further request: an idle connection ends now, a busy one after its answer. */
  retire(): void {
    this.#closing = true;
    if (this.#abort === undefined) this.#socket.destroy();
  }

  /** Ends what is under way. It is not its client that leaves: that is the abort's reason. */
  destroy(): void {
    this.#abort?.abort(SERVER_ENDS);
    this.#socket.destroy();
  }

  async #serveOne(): Promise<boolean> {
    const head = await this.#nextHead();
    if (head === undefined) return false;
    this.#served += 1;
    const waits = head.headers.get("expect")?.toLowerCase() === "100-continue" && head.minor === 1;
    const body = new RequestBody(
      this.#reader,
      framingOf(head),
      waits ? () => (this.#writer.write(CONTINUE), this.#writer.flush()) : undefined,
    );
    const response = new Responder(this.#writer, head, keepsAlive(head) && !this.#closing);
    const hijacked = await this.#run(head, body, response);
    this.#unread = hijacked || !body.done;
    if (hijacked || response.broken) return false;
    if (!response.reusable || this.#closing || this.#writer.closed) return false;
    // The body of a client that still waits to be asked for it may or may not come: only closing is safe.
    if (body.unasked || !(await this.#isDrained(body))) return false;
    this.#unread = false;
    await this.#writer.ready();
    return true;
  }

  /** The request is answered: what is wrong with the rest of its body ends the connection, and no second answer is given. */
  async #isDrained(body: RequestBody): Promise<boolean> {
    try {
      return await body.drain(this.#options.limits.drainBytes);
    } catch (error) {
      this.#options.logger.debug("the rest of a request's body is broken", { error: messageOf(error) });
      return false;
    }
  }

  async #run(head: RequestHead, body: RequestBody, response: Responder): Promise<boolean> {
    const abort = new AbortController();
    this.#abort = abort;
    // A client that had ended its input before can still read; one that ends it meanwhile has most likely gone.
    // What it sent ahead of that, such as its next request, is answered still.
    if (!this.#reader.ended) this.#reader.onEnd = () => this.#reader.exhausted && abort.abort();
    let hijacked = false;
    const exchange: Exchange = {
      head,
      body,
      response,
      signal: abort.signal,
      wholeBody: () => this.#wholeBody(body),
      timers: this.#options.timers,
      hijack: (text) => {
        hijacked = true;
        return this.#hijack(text, response, abort);
      },
    };
    try {
      // Waiting to be asked, the client has to be told when its body is not wanted at all.
      if (body.unasked) response.closeAfter();
      await this.#options.handle(exchange);
    } finally {
      this.#reader.onEnd = undefined;
      this.#abort = undefined;
      this.#options.presence.forget(this.#socket);
    }
    return hijacked;
  }

  async #wholeBody(body: RequestBody): Promise<Buffer> {
    if (body.done) return Buffer.alloc(0);
    const { limits, timers } = this.#options;
    using _limit = timers.after(limits.jsonMs, () => this.#socket.destroy());
    return await body.readAll(limits.jsonBytes);
  }

  #hijack(text: string, response: Responder, abort: AbortController): Hijacked {
    const watch = () => this.#options.presence.watch(this.#socket, () => abort.abort());
    if (this.#reader.ended) watch();
    else this.#reader.onEnd = watch;
    response.upgrade(text);
    return { input: this.#reader, output: this.#writer };
  }

  async #nextHead(): Promise<RequestHead | undefined> {
    // Between requests a client may be idle for as long as it likes; a new one has to say something.
    const first = this.#served === 0 ? Buffer.alloc(0) : await this.#reader.read();
    if (first === undefined) return undefined;
    return this.#cutHead(first) ?? (await this.#restOfHead(first));
  }

  async #restOfHead(start: Buffer): Promise<RequestHead | undefined> {
    const { limits, timers } = this.#options;
    using _limit = timers.after(limits.headMs, () => this.#socket.destroy());
    for (let gathered = start; ;) {
      const chunk = await this.#reader.read();
      if (chunk === undefined) {
        if (gathered.length > 0) throw new HttpFault(400, "the request's head is cut short");
        return undefined;
      }
      gathered = gathered.length === 0 ? chunk : Buffer.concat([gathered, chunk]);
      const head = this.#cutHead(gathered);
      if (head !== undefined) return head;
    }
  }

  /** The head, when all of it is there; what follows it goes back to the reader. */
  #cutHead(bytes: Buffer): RequestHead | undefined {
    const { limits } = this.#options;
    // RFC 9112 §2.2: empty lines before a request line are skipped.
    let start = 0;
    while (bytes[start] === 0x0d && bytes[start + 1] === 0x0a) start += 2;
    const end = bytes.indexOf(HEAD_END, start);
    const size = (end === -1 ? bytes.length : end) - start;
    if (size > limits.headBytes) throw new HttpFault(431, "request header fields too large");
    if (end === -1) {
      refuseForeignProtocol(bytes.subarray(start));
      return undefined;
    }
    this.#reader.unread(bytes.subarray(end + HEAD_END.length));
    return parseHead(bytes.toString("latin1", start, end), limits.headerFields);
  }

  /** HTTP itself was broken: a plain answer, and the end. */
  #refuse(fault: HttpFault): void {
    if (this.#writer.closed) return;
    const line = `${fault.status} ${statusText(fault.status)}`;
    this.#writer.write(
      `HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}: ${fault.message}`,
    );
  }

  /** Closes so that the client can still read what was written: its own unread bytes would reset the connection. */
  async #leave(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#writer.end();
    if (this.#unread && !this.#reader.ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#reader.onEnd = resolve;
      this.#reader.discard();
      using _limit = this.#options.timers.after(this.#options.limits.lingerMs, resolve);
      await promise;
    }
    await this.#drained();
    this.#socket.destroy();
  }

  /** Until what was written has left, or the client has gone. */
  async #drained(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableFinished) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("finish", resolve);
    this.#socket.once("close", resolve);
    using _limit = this.#options.timers.after(this.#options.limits.headMs, resolve);
    await promise;
  }
}

/** A first byte that no method begins with: TLS spoken to a plain port, or noise that would never end. */
function refuseForeignProtocol(bytes: Buffer): void {
  const first = bytes[0];
  if (first === 0x16) throw new HttpFault(400, "Client sent an HTTPS request to an HTTP server.");
  if (first !== undefined && first !== 0x0d && (first < 0x21 || first > 0x7e)) {
    throw new HttpFault(400, "malformed request line");
  }
}
