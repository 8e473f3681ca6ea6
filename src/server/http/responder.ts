import type { OutputLoan } from "../../wire/index.ts";
import type { RequestHead } from "./head.ts";
import type { SocketWriter } from "./socket-writer.ts";
import { statusText } from "./status-text.ts";

export type HeaderFields = Readonly<Record<string, string>>;

/** Writes the one response of a request. */
export class Responder {
  readonly #writer: SocketWriter;
  readonly #request: RequestHead;
  #keepAlive: boolean;
  #state: "fresh" | "streaming" | "sent" | "broken" = "fresh";
  #chunked = false;

  constructor(writer: SocketWriter, request: RequestHead, keepAlive: boolean) {
    this.#writer = writer;
    this.#request = request;
    this.#keepAlive = keepAlive;
  }

  /** Nothing was sent yet, so that an error can still have its status. */
  get fresh(): boolean {
    return this.#state === "fresh";
  }

  /** The client knows where the response ended and may send its next request. */
  get reusable(): boolean {
    return this.#keepAlive && this.#state === "sent";
  }

  /** The response was cut off: its end must not look like one. */
  get broken(): boolean {
    return this.#state === "broken";
  }

  /** The connection closes after this response. */
  closeAfter(): void {
    this.#keepAlive = false;
  }

  /** A whole response at once. A 204 or 304 has no body and says no length. */
  send(status: number, fields: HeaderFields, body: string | Uint8Array = ""): void {
    this.#state = "sent";
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const bare = status === 204 || status === 304;
    const head = this.#head(status, bare ? fields : { ...fields, "Content-Length": String(length) });
    if (bare || this.#request.method === "HEAD" || length === 0) this.#writer.write(head);
    else if (typeof body === "string") this.#writer.write(head + body);
    else {
      this.#writer.write(head);
      this.#writer.write(body);
    }
    this.#writer.flush();
  }

  /** The head of a response whose length is not known yet; it leaves at once. */
  begin(status: number, fields: HeaderFields): void {
    this.#state = "streaming";
    this.#chunked = this.#request.minor === 1;
    if (!this.#chunked) this.closeAfter();
    this.#writer.write(this.#head(status, this.#chunked ? { ...fields, "Transfer-Encoding": "chunked" } : fields));
    this.#writer.flush();
  }

  /** A piece of the body, which must not change afterwards. Wait for `ready` before the next. */
  write(data: Uint8Array | string): void {
    const length = typeof data === "string" ? Buffer.byteLength(data) : data.length;
    if (length === 0 || this.#request.method === "HEAD") return;
    if (!this.#chunked) {
      this.#writer.write(data);
      return;
    }
    const size = `${length.toString(16)}\r\n`;
    if (typeof data === "string") return this.#writer.write(`${size}${data}\r\n`);
    this.#writer.write(size);
    this.#writer.write(data);
    this.#writer.write("\r\n");
  }

  ready(): Promise<void> | undefined {
    return this.#writer.ready();
  }

  flush(): void {
    this.#writer.flush();
  }

  /** Leaves the body, from its next piece on, to another thread. Undefined when that cannot be. */
  async lend(): Promise<OutputLoan | undefined> {
    if (this.#state !== "streaming" || this.#request.method === "HEAD") return undefined;
    const loan = await this.#writer.lend();
    if (loan === undefined) return undefined;
    const { fd } = loan;
    return { lent: { fd, chunked: this.#chunked }, cut: () => loan.cut(), giveBack: () => loan.close() };
  }

  finish(): void {
    if (this.#chunked && this.#request.method !== "HEAD") this.#writer.write("0\r\n\r\n");
    this.#writer.flush();
    this.#state = "sent";
  }

  /** Gives up in the middle: the client must see that the body is not whole. */
  cutOff(): void {
    this.#state = "broken";
    this.#keepAlive = false;
  }

  /** A head after which the connection is no longer HTTP. */
  upgrade(text: string): void {
    this.#state = "sent";
    this.#keepAlive = false;
    this.#writer.write(text);
    this.#writer.flush();
  }

  #head(status: number, fields: HeaderFields): string {
    let text = `HTTP/1.1 ${status} ${statusText(status)}\r\nDate: ${httpDate()}\r\n`;
    for (const name in fields) text += `${name}: ${fields[name]}\r\n`;
    if (!this.#keepAlive) text += "Connection: close\r\n";
    else if (this.#request.minor === 0) text += "Connection: keep-alive\r\n";
    return `${text}\r\n`;
  }
}

let dateSecond = 0;
let dateText = "";

/** The Date field; its text is made once a second. */
function httpDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}
