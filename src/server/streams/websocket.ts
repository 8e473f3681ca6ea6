import { createHash } from "node:crypto";
import { invalid } from "../../base/index.ts";
import type { Exchange, HeaderFields, Hijacked } from "../http/index.ts";
import type { StreamEnds } from "./hijack.ts";
import type { Sink } from "./pump.ts";

/** The kinds of frame (RFC 6455 §5.2). */
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** What every server mixes into the client's key, so that only one who knows the protocol can answer (RFC 6455 §1.3). */
const ACCEPT_SALT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A control frame carries no more (RFC 6455 §5.5). */
const MAX_CONTROL = 125;
/** A piece of input larger than this is no typing; the frame is refused before it is read. */
const MAX_INPUT_FRAME = 16 * 1024 * 1024;

const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;

/**
 * The head that answers a WebSocket's opening handshake (RFC 6455 §4.2).
 * @throws invalid when the request is none.
 */
export function websocketHead(exchange: Exchange, fields: HeaderFields): string {
  const { headers } = exchange.head;
  const key = headers.get("sec-websocket-key") ?? "";
  if (headers.get("upgrade")?.toLowerCase() !== "websocket") throw invalid("not websocket protocol");
  if (headers.get("sec-websocket-version") !== "13") throw invalid("missing or bad WebSocket Version");
  if (Buffer.from(key, "base64").length !== 16) throw invalid("mismatch challenge/response");
  const accept = createHash("sha1")
    .update(key + ACCEPT_SALT)
    .digest("base64");
  let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  text += `Sec-WebSocket-Accept: ${accept}\r\n`;
  for (const name in fields) text += `${name}: ${fields[name]}\r\n`;
  return `${text}\r\n`;
}

/** A process's stdio over a WebSocket: what messages carry is its input, and each piece of output is a message. */
export class WebSocketEnds implements StreamEnds {
  readonly #connection: Hijacked;
  readonly #outputKind: number;
  /** Bytes that were received and not yet taken apart. */
  #received: Buffer = Buffer.alloc(0);
  #closing = false;

  /** @param binary clients of old API versions get text messages. */
  constructor(connection: Hijacked, binary: boolean) {
    this.#connection = connection;
    this.#outputKind = binary ? BINARY : TEXT;
  }

  get sink(): Sink {
    return this.#connection.output;
  }

  write({ data }: { data: Uint8Array }): void {
    this.#send(this.#outputKind, data);
  }

  writeError(message: string): void {
    this.#send(this.#outputKind, Buffer.from(message));
  }

  /** The end of the output. */
  end(): void {
    this.#close(NORMAL_CLOSURE);
  }

  /** The next piece of input; undefined when the client closed. Pings are answered on the way. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = await this.#frame();
      switch (frame?.kind) {
        case CONTINUATION:
        case TEXT:
        case BINARY:
          if (frame.payload.length > 0) return frame.payload;
          break;
        case PING:
          this.#send(PONG, frame.payload);
          break;
        case PONG:
          break;
        case CLOSE:
        case undefined:
          this.#close(NORMAL_CLOSURE);
          // The client waits for this end and then closes, which ends the whole.
          this.#connection.output.end();
          return undefined;
        default:
          throw this.#broken(`frame of kind ${frame?.kind}`);
      }
    }
  }

  async #frame(): Promise<{ kind: number; payload: Buffer } | undefined> {
    if (!(await this.#have(2))) return undefined;
    const kind = this.#received.readUInt8(0) & 0x0f;
    const second = this.#received.readUInt8(1);
    if ((second & 0x80) === 0) throw this.#broken("a frame without a mask");
    const short = second & 0x7f;
    if (kind >= CLOSE && short > MAX_CONTROL) throw this.#broken("a control frame that is too long");
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const head = 2 + lengthBytes + 4;
    if (!(await this.#have(head))) return undefined;
    const length = this.#length(short);
    if (length > MAX_INPUT_FRAME) throw this.#broken("a frame that is too long");
    if (!(await this.#have(head + length))) return undefined;
    const mask = this.#received.subarray(head - 4, head);
    // Copied: the bytes are changed, and what was received may be held by others.
    const payload = Buffer.from(this.#received.subarray(head, head + length));
    for (let at = 0; at < length; at += 1) payload[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
    this.#received = this.#received.subarray(head + length);
    return { kind, payload };
  }

  #length(short: number): number {
    if (short === 126) return this.#received.readUInt16BE(2);
    return short === 127 ? Number(this.#received.readBigUInt64BE(2)) : short;
  }

  /** Receives until that many bytes are there. @returns false when the connection ended before. */
  async #have(size: number): Promise<boolean> {
    const pieces: Buffer[] = [this.#received];
    let total = this.#received.length;
    while (total < size) {
      const piece = await this.#connection.input.read();
      if (piece === undefined) return false;
      pieces.push(piece);
      total += piece.length;
    }
    if (pieces.length > 1) this.#received = Buffer.concat(pieces, total);
    return true;
  }

  #send(kind: number, payload: Uint8Array): void {
    if (this.#closing) return;
    this.#connection.output.write(frameHead(kind, payload.length));
    this.#connection.output.write(payload);
  }

  #close(status: number): void {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(status);
    this.#send(CLOSE, payload);
    this.#closing = true;
  }

  #broken(what: string): Error {
    this.#close(PROTOCOL_ERROR);
    return invalid(`the client broke the WebSocket protocol: ${what}`);
  }
}

/** A whole message in one frame; a server's frames have no mask (RFC 6455 §5.1). */
function frameHead(kind: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | kind, length]);
  if (length < 0x10000) {
    const head = Buffer.from([0x80 | kind, 126, 0, 0]);
    head.writeUInt16BE(length, 2);
    return head;
  }
  const head = Buffer.alloc(10);
  head[0] = 0x80 | kind;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
