import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { unframed } from "./frames.ts";

/** What an engine streams: collected while it goes on. */
export class Streamed {
  readonly #parts: Buffer[] = [];
  /** Settles when the stream ends, also when the engine is killed. */
  readonly ended: Promise<void>;
  readonly #source: IncomingMessage | Socket;

  constructor(source: IncomingMessage | Socket, head: Buffer = Buffer.alloc(0)) {
    this.#source = source;
    this.#parts.push(head);
    source.on("data", (data: Buffer) => this.#parts.push(data));
    this.ended = new Promise((resolve) => {
      source.on("error", () => resolve());
      source.on("close", () => resolve());
    });
  }

  /** The output of both streams so far. */
  get text(): string {
    return unframed(this.bytes);
  }

  /** What came so far, as it came. */
  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  write(text: string): void {
    if ("write" in this.#source) this.#source.write(text);
  }

  close(): void {
    this.#source.destroy();
  }
}

/** Opens a call that streams its answer or takes the connection over. @throws when it is refused. */
export function openStream(socketPath: string, method: string, path: string, body?: unknown): Promise<Streamed> {
  const data = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = data === undefined ? {} : { "Content-Type": "application/json" };
  const upgrade: Record<string, string> = method === "POST" ? { Connection: "Upgrade", Upgrade: "tcp" } : {};
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { ...type, ...upgrade }, agent: false });
    call.on("error", reject);
    call.on("upgrade", (_response, socket: Socket, head) => resolve(new Streamed(socket, head)));
    call.on("response", (response) => {
      if (response.statusCode === 200) resolve(new Streamed(response));
      else reject(new Error(`${method} ${path} gave ${response.statusCode}`));
    });
    call.end(data);
  });
}
