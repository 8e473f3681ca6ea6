import { invalid } from "../../base/index.ts";
import { HttpFault } from "./fault.ts";
import type { Framing } from "./head.ts";
import type { SocketReader } from "./socket-reader.ts";

const MAX_CHUNK_LINE = 1024;
const MAX_TRAILER_BYTES = 8 * 1024;

/** The bytes after a request's head, pulled from the socket as they are asked for. */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #reader: SocketReader;
  readonly #chunked: boolean;
  /** Bytes left of the body, or of the chunk. */
  #left: number;
  #firstChunk = true;
  #done: boolean;
  #beforeFirst: (() => void) | undefined;

  /** @param beforeFirst called before the first byte is awaited: the place for `100 Continue`. */
  constructor(reader: SocketReader, framing: Framing, beforeFirst?: () => void) {
    this.#reader = reader;
    this.#chunked = framing.kind === "chunked";
    this.#left = framing.kind === "length" ? framing.length : 0;
    this.#done = framing.kind === "length" && framing.length === 0;
    this.#beforeFirst = beforeFirst;
  }

  /** Nothing more will come; true from the start when there is no body. */
  get done(): boolean {
    return this.#done;
  }

  /** The client still waits for `100 Continue`, so the body will not come unless it is asked for. */
  get unasked(): boolean {
    return this.#beforeFirst !== undefined && !this.#done;
  }

  /** The next bytes, undefined after the last. @throws invalid when the body is cut short or its chunks are malformed. */
  async read(): Promise<Buffer | undefined> {
    if (this.#done) return undefined;
    this.#beforeFirst?.();
    this.#beforeFirst = undefined;
    if (this.#chunked && this.#left === 0) await this.#nextChunk();
    return this.#done ? undefined : await this.#take();
  }

  /** The whole body. @throws HttpFault 413 when it is longer than `limit`. */
  async readAll(limit: number): Promise<Buffer> {
    if (!this.#chunked && this.#left > limit) throw new HttpFault(413, "http: request body too large");
    const parts: Buffer[] = [];
    let size = 0;
    for (let part = await this.read(); part !== undefined; part = await this.read()) {
      size += part.length;
      if (size > limit) throw new HttpFault(413, "http: request body too large");
      parts.push(part);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, size);
  }

  /** Reads on without keeping anything. Gives false when more than `limit` is left. */
  async drain(limit: number): Promise<boolean> {
    if (!this.#chunked && this.#left > limit) return false;
    let size = 0;
    while (!this.#done) {
      const part = await this.read();
      size += part?.length ?? 0;
      if (size > limit) return false;
    }
    return true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (let part = await this.read(); part !== undefined; part = await this.read()) yield part;
  }

  async #take(): Promise<Buffer> {
    const next = this.#reader.read();
    const chunk = next instanceof Promise ? await next : next;
    if (chunk === undefined) throw cutShort();
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    if (part.length < chunk.length) this.#reader.unread(chunk.subarray(part.length));
    this.#left -= part.length;
    if (this.#left === 0 && !this.#chunked) this.#done = true;
    return part;
  }

  async #nextChunk(): Promise<void> {
    if (!this.#firstChunk && (await this.#line(2)) !== "") throw malformed();
    this.#firstChunk = false;
    const line = await this.#line(MAX_CHUNK_LINE);
    const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?$/.exec(line) ?? [];
    if (size === undefined) throw malformed();
    this.#left = Number.parseInt(size, 16);
    if (this.#left === 0) await this.#trailers();
  }

  async #trailers(): Promise<void> {
    for (let size = 0; ;) {
      const line = await this.#line(MAX_TRAILER_BYTES);
      if (line === "") break;
      size += line.length + 2;
      if (size > MAX_TRAILER_BYTES) throw malformed();
    }
    this.#done = true;
  }

  async #line(limit: number): Promise<string> {
    let text = "";
    for (;;) {
      const chunk = await this.#reader.read();
      if (chunk === undefined) throw cutShort();
      const end = chunk.indexOf(0x0a);
      const part = end === -1 ? chunk : chunk.subarray(0, end + 1);
      text += part.toString("latin1");
      this.#reader.unread(chunk.subarray(part.length));
      if (text.length > limit + 2) throw malformed();
      if (end === -1) continue;
      if (!text.endsWith("\r\n")) throw malformed();
      return text.slice(0, -2);
    }
  }
}

const malformed = () => new HttpFault(400, "malformed chunked encoding");
const cutShort = () => invalid("unexpected EOF");
