import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errnoOf } from "../base/index.ts";
import { certificateStamp, readCertificates } from "./certificates.ts";
import {
  answerTooLarge,
  badRedirect,
  bodyStalled,
  connectionDropped,
  headersTimedOut,
  requestFailed,
  tooManyRedirects,
} from "./errors.ts";
import type { RegistryTimeouts } from "./types.ts";

export interface HttpRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  headers: Record<string, string>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Certificates are not checked; redirects to plain http are followed. */
  insecure: boolean;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  /** Where it came from in the end. */
  url: URL;
  header(name: string): string | undefined;
  /** The body, whole. @throws invalid when it is larger. */
  bytes(limit: number): Promise<Uint8Array>;
  /** Once; ends early only by throwing. */
  stream(): AsyncGenerator<Uint8Array>;
  /** Gives up the body. */
  discard(): void;
}

const MAX_REDIRECTS = 10;
const DEFAULTS: RegistryTimeouts = { headersMs: 30_000, stallMs: 60_000 };
/** What belongs to the host that it was made for. */
const PRIVATE_HEADERS = ["authorization", "cookie"];

/** HTTP with timeouts, redirects that carry no credentials to other hosts, and certificates by host. */
export class Transport {
  readonly #timeouts: RegistryTimeouts;
  readonly #certificates: string;
  /** With the state of the certificates that it was made from. */
  readonly #agents = new Map<string, { stamp: string; agent: Promise<http.Agent> }>();

  constructor(options: { timeouts: Partial<RegistryTimeouts> | undefined; certificates: string | undefined }) {
    this.#timeouts = { ...DEFAULTS, ...options.timeouts };
    this.#certificates = options.certificates ?? "/etc/docker/certs.d";
  }

  /** Sends it; redirects of GET and HEAD are followed. @throws what `errors.ts` says of failed requests. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    let current = request;
    for (let count = 0; ; count++) {
      const answer = await this.#sendOnce(current);
      const location = answer.header("location");
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined;
      if (!isRedirect || (request.method !== "GET" && request.method !== "HEAD")) return answer;
      answer.discard();
      if (count >= MAX_REDIRECTS) throw tooManyRedirects(request.url);
      current = redirected(current, location);
    }
  }

  async #sendOnce(request: HttpRequest): Promise<HttpAnswer> {
    const { url, method } = request;
    request.signal.throwIfAborted();
    const agent = await this.#agentFor(url, request.insecure);
    const message = await this.#exchange(request, agent);
    return new Answer(message, method, url, this.#timeouts.stallMs);
  }

  async #exchange(request: HttpRequest, agent: http.Agent): Promise<http.IncomingMessage> {
    const { url, method, signal, body } = request;
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const module = url.protocol === "https:" ? https : http;
    const outgoing = module.request(url, {
      method,
      headers: { "accept-encoding": "identity", ...request.headers },
      agent,
    });
    // A long upload is no reason to give up: the clock runs once it has been sent.
    const timer = new Timer(this.#timeouts.headersMs, () => outgoing.destroy(headersTimedOut(method, url)));
    const abort = (): void => void outgoing.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    signal.addEventListener("abort", abort, { once: true });
    outgoing.on("response", resolve);
    outgoing.on("error", (error) => reject(error));
    outgoing.on("close", () => reject(connectionDropped(url, undefined)));
    try {
      if (body === undefined || body instanceof Uint8Array) {
        timer.start();
        outgoing.end(body);
      } else {
        await sendBody(outgoing, body, promise);
        timer.start();
      }
      return await promise;
    } catch (error) {
      outgoing.destroy();
      signal.throwIfAborted();
      throw errnoOf(error) === undefined && error instanceof Error && "kind" in error
        ? error
        : requestFailed(method, url, error);
    } finally {
      timer.stop();
      signal.removeEventListener("abort", abort);
    }
  }

  async #agentFor(url: URL, insecure: boolean): Promise<http.Agent> {
    const key = `${url.protocol}//${url.host} ${insecure}`;
    const folder = join(this.#certificates, url.host);
    // Whoever puts a certificate there after a pull that failed need not start the engine again
    const stamp = url.protocol === "http:" ? "" : await certificateStamp(folder);
    const known = this.#agents.get(key);
    if (known?.stamp === stamp) return await known.agent;
    const agent = this.#makeAgent(url, insecure, folder);
    this.#agents.set(key, { stamp, agent });
    agent.catch(() => this.#agents.delete(key));
    return await agent;
  }

  async #makeAgent(url: URL, insecure: boolean, folder: string): Promise<http.Agent> {
    if (url.protocol === "http:") return new http.Agent({ keepAlive: true, maxSockets: 16 });
    const certificates = await readCertificates(folder);
    return new https.Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: !insecure, ...certificates });
  }
}

class Answer implements HttpAnswer {
  readonly status: number;
  readonly url: URL;
  readonly #message: http.IncomingMessage;
  readonly #method: string;
  readonly #stallMs: number;

  constructor(message: http.IncomingMessage, method: string, url: URL, stallMs: number) {
    this.#message = message;
    this.#method = method;
    this.url = url;
    this.#stallMs = stallMs;
    this.status = message.statusCode ?? 0;
    // An error while nobody reads must not end the process; readers get it from the iterator.
    message.on("error", () => undefined);
  }

  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  async bytes(limit: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.stream()) {
      size += chunk.length;
      if (size > limit) throw answerTooLarge(this.url, limit);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    let stalled = false;
    const timer = new Timer(this.#stallMs, () => {
      stalled = true;
      this.#message.destroy();
    });
    const announced = this.#method === "HEAD" ? 0 : Number(this.header("content-length") ?? 0);
    let size = 0;
    try {
      timer.start();
      for await (const chunk of this.#message) {
        // The consumer's time is not the registry's.
        timer.stop();
        const bytes = chunk as Uint8Array; // a stream without encoding gives bytes
        size += bytes.length;
        yield bytes;
        timer.start();
      }
    } catch (error) {
      throw stalled ? bodyStalled(this.url) : connectionDropped(this.url, error);
    } finally {
      timer.stop();
      this.discard();
    }
    if (stalled) throw bodyStalled(this.url);
    if (size < announced) throw connectionDropped(this.url, undefined);
  }

  discard(): void {
    this.#message.destroy();
  }
}

class Timer {
  readonly #ms: number;
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, expired: () => void) {
    this.#ms = ms;
    this.#expired = expired;
  }

  start(): void {
    this.#timer = setTimeout(this.#expired, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** An answer may come, or the connection fail, before all was sent: then sending ends. */
async function sendBody(
  outgoing: http.ClientRequest,
  body: AsyncIterable<Uint8Array>,
  answered: Promise<http.IncomingMessage>,
): Promise<void> {
  const sent = pipeline(Readable.from(body, { objectMode: false }), outgoing);
  sent.catch(() => undefined);
  await Promise.race([sent, answered]);
}

/**
 * Where a host sends to. @throws invalid for another protocol, for plain http unless that is spoken anyway, and for
 * addresses that only this machine reaches and that serve its secrets (169.254.169.254 of clouds).
 */
export function redirectTarget(from: URL, location: string, insecure: boolean): URL {
  if (!URL.canParse(location, from.href)) throw badRedirect(from, "its target is no URL");
  const url = new URL(location, from);
  if (!/^https?:$/.test(url.protocol)) throw badRedirect(from, `to ${url.protocol}`);
  if (url.protocol === "http:" && from.protocol === "https:" && !insecure)
    throw badRedirect(from, "from https to http");
  if (url.hostname !== from.hostname && isLinkLocal(url.hostname)) throw badRedirect(from, `to ${url.hostname}`);
  return url;
}

function isLinkLocal(hostname: string): boolean {
  return /^169\.254\.\d+\.\d+$/.test(hostname) || /^\[(fe[89ab].:|::ffff:a9fe:)/i.test(hostname);
}

function redirected(request: HttpRequest, location: string): HttpRequest {
  const url = redirectTarget(request.url, location, request.insecure);
  const sameHost = url.host === request.url.host && url.protocol === request.url.protocol;
  const headers = sameHost
    ? request.headers
    : Object.fromEntries(Object.entries(request.headers).filter(([name]) => !PRIVATE_HEADERS.includes(name)));
  // Nobody vouched for the other host's certificate but the usual authorities.
  return { ...request, url, headers, insecure: sameHost && request.insecure };
}
