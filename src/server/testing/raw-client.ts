import { connect, type Socket } from "node:net";

const PATIENCE_MS = 30_000;

export interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A client that speaks bytes, to send what no HTTP library would. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  /** Joined only when looked into: a stream of megabytes would be copied again for each of its pieces. */
  #parts: Buffer[] = [];
  #size = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#parts.push(chunk);
      this.#size += chunk.length;
      this.#wake?.();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on("end", ended);
    socket.on("close", ended);
    socket.on("error", ended);
  }

  static async connect(address: string | { host: string; port: number }): Promise<RawClient> {
    const socket =
      typeof address === "string"
        ? connect({ path: address, allowHalfOpen: true })
        : connect({ ...address, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  /** Wraps a socket that is connected already. */
  static of(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** A request with a Host header and, when there is one, a JSON body. */
  request(method: string, path: string, options: { json?: unknown; fields?: readonly string[] } = {}): void {
    const text = options.json === undefined ? undefined : JSON.stringify(options.json);
    const fields = [...(options.fields ?? [])];
    if (text !== undefined) fields.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`);
    this.send(
      `${method} ${path} HTTP/1.1\r\nHost: berth\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n${text ?? ""}`,
    );
  }

  /** Half-closes: no more will be sent. */
  end(): void {
    this.socket.end();
  }

  /** Waits until `size` bytes are there and takes them. */
  async take(size: number): Promise<Buffer> {
    await this.#until(() => this.#size >= size, `${size} bytes`);
    return this.#cut(size);
  }

  /** Waits for the mark and takes all up to its end. */
  async takeTo(mark: string): Promise<string> {
    await this.#until(() => this.#joined().includes(mark), JSON.stringify(mark));
    return this.#cut(this.#joined().indexOf(mark) + mark.length).toString("latin1");
  }

  /** Waits for the server's end and takes all that is left. */
  async rest(): Promise<Buffer> {
    await this.#until(() => this.#ended, "the end");
    return this.#cut(this.#size);
  }

  /** One whole response; `bodyless` when the request was HEAD. */
  async response(options: { bodyless?: boolean } = {}): Promise<RawResponse> {
    const head = await this.takeTo("\r\n\r\n");
    const [line = "", ...lines] = head.trimEnd().split("\r\n");
    const fields = new Map(
      lines.map((text) => [text.slice(0, text.indexOf(":")).toLowerCase(), text.slice(text.indexOf(":") + 2)]),
    );
    const status = Number(line.split(" ")[1]);
    const bare = options.bodyless === true || status === 204 || status === 304 || status < 200;
    return { status, head, fields, body: bare ? "" : (await this.#body(fields)).toString() };
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #body(fields: ReadonlyMap<string, string>): Promise<Buffer> {
    const length = fields.get("content-length");
    if (length !== undefined) return await this.take(Number(length));
    if (fields.get("transfer-encoding") !== "chunked") return await this.rest();
    const parts: Buffer[] = [];
    for (;;) {
      const part = await this.chunk();
      if (part.length === 0) return Buffer.concat(parts);
      parts.push(part);
    }
  }

  /** One chunk of a chunked body; empty for the last. */
  async chunk(): Promise<Buffer> {
    const size = Number.parseInt(await this.takeTo("\r\n"), 16);
    const data = await this.take(size);
    await this.take(2);
    return data;
  }

  #cut(size: number): Buffer {
    const all = this.#joined();
    const left = all.subarray(size);
    this.#parts = left.length === 0 ? [] : [left];
    this.#size = left.length;
    return all.subarray(0, size);
  }

  #joined(): Buffer {
    const [only = Buffer.alloc(0)] = this.#parts;
    if (this.#parts.length <= 1) return only;
    const all = Buffer.concat(this.#parts, this.#size);
    this.#parts = [all];
    return all;
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const limit = Date.now() + PATIENCE_MS;
    while (!done()) {
      if (this.#ended || Date.now() > limit) {
        throw new Error(`waited for ${what}, got ${JSON.stringify(this.#joined().toString("latin1"))}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, PATIENCE_MS);
      await promise;
      clearTimeout(timer);
    }
  }
}
