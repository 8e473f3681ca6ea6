import type { ByteStream } from "./byte-stream.ts";
import { malformedResponse } from "./errors.ts";

/** HTTP/1.1 (RFC 9112) as far as an engine's client needs it: one request at a time, upgrades, streamed bodies. */

const MAX_HEAD = 64 << 10;
/** Bodies of so many bytes are worth what it costs to give them more room. */
const MUCH = 1 << 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface HttpRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  /** A stream is sent chunked. */
  body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>;
  /** The body, decoded; empty after an upgrade. */
  body: AsyncIterable<Uint8Array>;
  /** The connection itself, after 101 or for a body that has no length and no end but the connection's. */
  stream: ByteStream;
}

export class HttpConnection {
  readonly stream: ByteStream;
  #busy = false;
  #reusable = true;

  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  /** True when another request can be sent here. */
  get free(): boolean {
    return !this.#busy && this.#reusable && this.stream.idle;
  }

  /**
   * Sends a request and gives the answer as soon as its head is there, also while the body is still being sent.
   * @throws when the connection breaks or the answer is no HTTP.
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    this.#busy = true;
    const sent = this.#write(request);
    // A body that fails to go out matters only when no answer comes: an engine may refuse early.
    let sendFailure: unknown;
    let isSent = false;
    sent.then(
      () => (isSent = true),
      (error: unknown) => (sendFailure = error),
    );
    try {
      for (;;) {
        const { status, headers } = await this.#head();
        if (status >= 100 && status < 200 && status !== 101) continue;
        return {
          status,
          headers,
          body: this.#body(request.method, status, headers, () => isSent),
          stream: this.stream,
        };
      }
    } catch (error) {
      this.stream.destroy();
      throw sendFailure ?? error;
    }
  }

  async #write(request: HttpRequest): Promise<void> {
    const { body } = request;
    const lines = [`${request.method} ${request.path} HTTP/1.1`];
    for (const [name, value] of Object.entries(request.headers))
      lines.push(`${name}: ${value.replace(/[\r\n]/g, " ")}`);
    if (body instanceof Uint8Array) lines.push(`Content-Length: ${body.length}`);
    else if (body !== undefined) lines.push("Transfer-Encoding: chunked");
    else if (request.method === "POST" || request.method === "PUT") lines.push("Content-Length: 0");
    const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
    if (body instanceof Uint8Array) {
      await this.stream.write(concat(head, body));
      return;
    }
    await this.stream.write(head);
    if (body === undefined) return;
    let sent = 0;
    for await (const chunk of body) {
      if (chunk.length === 0) continue;
      if (sent < MUCH && (sent += chunk.length) >= MUCH) await this.stream.widen();
      await this.stream.write(encoder.encode(`${chunk.length.toString(16)}\r\n`));
      await this.stream.write(chunk);
      await this.stream.write(encoder.encode("\r\n"));
    }
    await this.stream.write(encoder.encode("0\r\n\r\n"));
  }

  async #head(): Promise<{ status: number; headers: Map<string, string> }> {
    let buffer: Uint8Array = new Uint8Array(0);
    let end: number;
    while ((end = indexOfBlankLine(buffer)) === -1) {
      if (buffer.length > MAX_HEAD) throw malformedResponse("head is too long");
      const chunk = await this.stream.read();
      if (chunk === undefined) throw new Error("EOF");
      buffer = buffer.length === 0 ? chunk : concat(buffer, chunk);
    }
    this.stream.unread(buffer.subarray(end + 4));
    const [first = "", ...lines] = decoder.decode(buffer.subarray(0, end)).split("\r\n");
    const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first);
    if (match === null) throw malformedResponse(JSON.stringify(first.slice(0, 80)));
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon < 1) throw malformedResponse(JSON.stringify(line.slice(0, 80)));
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return { status: Number(match[1]), headers };
  }

  async *#body(
    method: string,
    status: number,
    headers: ReadonlyMap<string, string>,
    isSent: () => boolean,
  ): AsyncIterable<Uint8Array> {
    if (status === 101) {
      this.#reusable = false;
      return;
    }
    const length = headers.get("content-length");
    const chunked = headers.get("transfer-encoding")?.toLowerCase().includes("chunked") === true;
    let finished = false;
    try {
      if (method === "HEAD" || status === 204 || status === 304) {
        // no body by definition
      } else if (chunked) yield* this.#chunked();
      else if (length !== undefined) yield* this.#sized(Number(length));
      else {
        this.#reusable = false;
        for (let chunk = await this.stream.read(); chunk !== undefined; chunk = await this.stream.read()) yield chunk;
      }
      finished = true;
    } finally {
      const keep = finished && isSent() && headers.get("connection")?.toLowerCase() !== "close";
      if (!keep) this.#reusable = false;
      if (!this.#reusable) this.stream.destroy();
      this.#busy = false;
    }
  }

  async *#sized(length: number): AsyncIterable<Uint8Array> {
    if (!Number.isSafeInteger(length) || length < 0) throw malformedResponse("bad Content-Length");
    let left = length;
    while (left > 0) {
      const chunk = await this.stream.read();
      if (chunk === undefined) throw new Error("unexpected EOF");
      const part = chunk.subarray(0, left);
      this.stream.unread(chunk.subarray(part.length));
      left -= part.length;
      yield part;
    }
  }

  async *#chunked(): AsyncIterable<Uint8Array> {
    for (;;) {
      const size = Number.parseInt((await this.#line()).split(";")[0] ?? "", 16);
      if (!Number.isSafeInteger(size) || size < 0) throw malformedResponse("bad chunk size");
      if (size === 0) break;
      yield* this.#sized(size);
      if ((await this.#line()) !== "") throw malformedResponse("chunk is too long");
    }
    while ((await this.#line()) !== "") continue;
  }

  async #line(): Promise<string> {
    let line = "";
    for (;;) {
      const chunk = await this.stream.read();
      if (chunk === undefined) throw new Error("unexpected EOF");
      const newline = chunk.indexOf(10);
      line += decoder.decode(newline === -1 ? chunk : chunk.subarray(0, newline));
      if (line.length > MAX_HEAD) throw malformedResponse("line is too long");
      if (newline === -1) continue;
      this.stream.unread(chunk.subarray(newline + 1));
      return line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  }
}

function indexOfBlankLine(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at !== -1; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}
