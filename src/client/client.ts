import { ByteStream } from "./byte-stream.ts";
import { ClientError, connectionFailed, connectionLost, dialFailed, fromDaemon } from "./errors.ts";
import type { Endpoint } from "./host.ts";
import { HttpConnection, type HttpResponse } from "./http.ts";
import { firstFrame } from "./streams.ts";

/** The API version that the client is written against; older engines are spoken to in theirs. */
export const API_VERSION = "1.51";

export type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface RequestOptions {
  /** Undefined and "" are left out, true is 1, false is left out. */
  query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Statuses of 400 and more that are no error to the caller. */
  accept?: readonly number[];
}

export interface ClientOptions {
  endpoint: Endpoint;
  /** Sent with each request (`HttpHeaders` of the config file). */
  headers?: Readonly<Record<string, string>>;
  userAgent?: string;
  /** Fixes the API version (DOCKER_API_VERSION). */
  apiVersion?: string | undefined;
}

/** What `begin` has led to. */
export interface Begun<T> {
  /** What the operation answered with. */
  made: T;
  /** False when the engine has only made it. */
  started: boolean;
  /** Its output in frames, with records of how it goes on; its input. */
  session: ByteStream | undefined;
}

/**
 * A connection to an engine.
 *
 * The version is negotiated without a round trip of its own: the first request is made in the client's version, and an engine
 * that finds it too new says which it can; the request is then made again. A streamed body cannot be sent twice, so before one
 * the client asks `/_ping`.
 */
export class Client {
  readonly endpoint: Endpoint;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #idle: HttpConnection[] = [];
  /** A connection that was opened ahead. */
  #warm: Promise<ByteStream> | undefined;
  readonly #fixed: boolean;
  #version: string;
  #negotiated: boolean;

  constructor(options: ClientOptions) {
    this.endpoint = options.endpoint;
    this.#version = options.apiVersion ?? API_VERSION;
    this.#fixed = options.apiVersion !== undefined;
    this.#negotiated = this.#fixed;
    this.#headers = {
      ...options.headers,
      Host: hostHeader(options.endpoint),
      "User-Agent": options.userAgent ?? "berth",
    };
  }

  get version(): string {
    return this.#version;
  }

  /**
   * Opens a connection ahead of the request that will use it, so that the engine takes it up meanwhile. A failure is told by
   * that request. Only to a local socket: others may cost something.
   */
  warm(): void {
    const { target } = this.endpoint;
    if (target.kind !== "unix" || this.#warm !== undefined) return;
    this.#warm = ByteStream.dial(target);
    this.#warm.catch(() => undefined);
  }

  /** The version spoken from here on, for those that show it. Costs a `/_ping` when nothing was asked yet. */
  async negotiate(signal?: AbortSignal): Promise<string> {
    if (this.#negotiated) return this.#version;
    const response = await this.#exchange("HEAD", "/_ping", {}, signal);
    await drain(response.body);
    this.#adopt(response.headers.get("api-version"));
    return this.#version;
  }

  /**
   * One request; gives the answer with its body unread.
   * @throws ClientError: `Error response from daemon: …` for status ≥ 400, or Docker's text when there is no connection.
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<HttpResponse> {
    if (options.body !== undefined && !(options.body instanceof Uint8Array)) await this.negotiate(options.signal);
    for (;;) {
      const target = `/v${this.#version}${path}${formatQuery(options.query)}`;
      const response = await this.#exchange(method, target, options, options.signal);
      if (response.status < 400 || options.accept?.includes(response.status) === true) {
        this.#adopt(response.headers.get("api-version"), true);
        return response;
      }
      const text = await readText(response.body);
      const detail = errorText(text, response.status);
      if (response.status === 400 && !this.#negotiated) {
        const supported = /too new\. Maximum supported API version is (\d+\.\d+)/.exec(detail)?.[1];
        if (supported !== undefined) {
          this.#adopt(supported);
          continue;
        }
      }
      throw fromDaemon(response.status, detail);
    }
  }

  /** A request whose answer is JSON. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.request(method, path, options);
    return parseJson(await readText(response.body)) as T; // the engine's promise: the API document gives this operation's type
  }

  /** A request whose answer has no body that matters. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<HttpResponse> {
    const response = await this.request(method, path, options);
    await drain(response.body);
    return response;
  }

  /** A request that turns its connection into a raw stream (attach, exec start). */
  async hijack(path: string, options: RequestOptions = {}): Promise<ByteStream> {
    const headers = { ...options.headers, Connection: "Upgrade", Upgrade: "tcp" };
    return (await this.request("POST", path, { ...options, headers })).stream;
  }

  /**
   * Asks for something to be made and started in one go (docs/http.md), on a connection that becomes its session when it is to
   * be attached to. An engine that knows nothing of this only makes it.
   */
  async begin<T>(
    path: string,
    { attach, detachKeys = "", ...options }: RequestOptions & { attach: boolean; detachKeys?: string },
  ): Promise<Begun<T>> {
    const keys = detachKeys === "" ? "" : `; detach-keys="${detachKeys}"`;
    const upgrade = attach ? { Connection: "Upgrade", Upgrade: "tcp" } : {};
    const headers = { ...options.headers, ...upgrade, Prefer: `start${keys}` };
    const response = await this.request("POST", path, { ...options, headers });
    const { stream } = response;
    if (response.status === 101) {
      const made = parseJson(new TextDecoder().decode(await firstFrame(stream))) as T;
      return { made, started: true, session: stream };
    }
    const started = response.headers.get("preference-applied") === "start";
    return { made: parseJson(await readText(response.body)) as T, started, session: undefined };
  }

  /** A connection of its own, without anything sent. @throws the system's error, in Go's words. */
  async dial(): Promise<ByteStream> {
    const { host, target } = this.endpoint;
    try {
      return await (this.#takeWarm() ?? ByteStream.dial(target));
    } catch (error) {
      throw dialFailed(host, error);
    }
  }

  /** Closes idle connections. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.stream.destroy();
    this.#takeWarm()?.then(
      (stream) => stream.destroy(),
      () => undefined,
    );
  }

  #takeWarm(): Promise<ByteStream> | undefined {
    const warm = this.#warm;
    this.#warm = undefined;
    return warm;
  }

  #adopt(version: string | undefined, onlyOlder = false): void {
    if (this.#fixed || version === undefined || !/^\d+\.\d+$/.test(version)) return;
    if (!onlyOlder && compareVersions(version, this.#version) < 0) this.#version = version;
    this.#negotiated = true;
  }

  async #exchange(
    method: string,
    target: string,
    options: RequestOptions,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    signal?.throwIfAborted();
    const url = this.#url(target);
    const { json } = options;
    const body = json === undefined ? options.body : new TextEncoder().encode(JSON.stringify(json));
    const headers = {
      ...this.#headers,
      ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      ...options.headers,
    };
    const connection = await this.#connection(method, url);
    const abort = () =>
      connection.stream.destroy(signal?.reason instanceof Error ? signal.reason : new Error("canceled"));
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const response = await connection.send({ method, path: this.endpoint.basePath + target, headers, body });
      return { ...response, body: this.#returning(response.body, connection, signal, abort) };
    } catch (error) {
      signal?.removeEventListener("abort", abort);
      signal?.throwIfAborted();
      if (error instanceof ClientError) throw error;
      throw connectionLost(method, url, error);
    }
  }

  async #connection(method: string, url: string): Promise<HttpConnection> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.free) return idle;
      idle.stream.destroy();
    }
    try {
      const warm = await this.#takeWarm();
      if (warm?.idle === true) return new HttpConnection(warm);
      warm?.destroy();
      return new HttpConnection(await ByteStream.dial(this.endpoint.target));
    } catch (error) {
      throw connectionFailed(this.endpoint.host, method, url, error);
    }
  }

  /** The body; once read to its end its connection serves again. */
  async *#returning(
    body: AsyncIterable<Uint8Array>,
    connection: HttpConnection,
    signal: AbortSignal | undefined,
    abort: () => void,
  ): AsyncIterable<Uint8Array> {
    try {
      yield* body;
    } finally {
      signal?.removeEventListener("abort", abort);
      if (connection.free) this.#idle.push(connection);
    }
  }

  #url(target: string): string {
    const { target: dial, basePath } = this.endpoint;
    const authority = dial.kind === "unix" ? encodeURIComponent(dial.path) : hostHeader(this.endpoint);
    const scheme = dial.kind === "tcp" && dial.tls !== undefined ? "https" : "http";
    return `${scheme}://${authority}${basePath}${target}`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ClientError(`invalid JSON from the daemon: ${text.slice(0, 80)}`, { cause });
  }
}

/** What HTTP calls the engine; Docker's names where it has none. */
function hostHeader({ target }: Endpoint): string {
  if (target.kind === "unix") return "api.moby.localhost";
  return target.kind === "ssh" ? "docker.example.com" : `${target.hostname}:${target.port}`;
}

/** Reads a body as UTF-8. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of body) continue;
}

function formatQuery(query: RequestOptions["query"]): string {
  const parameters = new URLSearchParams();
  // Go's url.Values writes its keys in order
  for (const key of Object.keys(query ?? {}).sort()) {
    const value = query?.[key];
    if (value === undefined || value === "" || value === false) continue;
    for (const each of Array.isArray(value) ? value : [value])
      parameters.append(key, each === true ? "1" : String(each));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

function errorText(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed && typeof parsed.message === "string") {
      return parsed.message.trim();
    }
  } catch {
    // plain text, from a proxy or a failed hijack
  }
  const text = body.trim();
  return text === ""
    ? `request returned ${status} for API route and version, check if the server supports the requested API version`
    : text;
}

function compareVersions(left: string, right: string): number {
  const [leftMajor = 0, leftMinor = 0] = left.split(".").map(Number);
  const [rightMajor = 0, rightMinor = 0] = right.split(".").map(Number);
  return leftMajor - rightMajor || leftMinor - rightMinor;
}
