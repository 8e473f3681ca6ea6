import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FakeRequest {
  method: string;
  /** Without version and query. */
  path: string;
  query: URLSearchParams;
  headers: string;
  body: unknown;
}

/** What a script answers: JSON with a status, raw bytes of a whole answer, or a raw stream after an upgrade. */
export type FakeAnswer =
  { status?: number; json?: unknown } | { lines: readonly unknown[] } | { upgrade: (socket: Socket) => void };

/** An engine on a socket of its own that answers by a script and keeps what it was asked. */
export class FakeEngine implements AsyncDisposable {
  readonly requests: FakeRequest[] = [];
  readonly folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string, script: (request: FakeRequest) => FakeAnswer) {
    this.folder = folder;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket, script));
  }

  static async start(script: (request: FakeRequest) => FakeAnswer): Promise<FakeEngine> {
    const folder = await mkdtemp(join(tmpdir(), "berth-fake-"));
    const engine = new FakeEngine(folder, script);
    await new Promise<void>((resolve) => engine.#server.listen(join(folder, "engine.sock"), resolve));
    return engine;
  }

  /** The environment of a client of this engine. */
  get env(): Record<string, string> {
    return { HOME: this.folder, BERTH_HOST: `unix://${this.folder}/engine.sock` };
  }

  /** `METHOD /path` of all requests. */
  get asked(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  #serve(socket: Socket, script: (request: FakeRequest) => FakeAnswer): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    let text = "";
    const read = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (;;) {
        const head = text.indexOf("\r\n\r\n");
        if (head === -1) return;
        const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
        if (text.length < head + 4 + length) return;
        const request = parse(text.slice(0, head), text.slice(head + 4, head + 4 + length));
        text = text.slice(head + 4 + length);
        this.requests.push(request);
        const answer = script(request);
        if ("upgrade" in answer) {
          socket.off("data", read);
          socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
          answer.upgrade(socket);
          return;
        }
        send(socket, answer);
      }
    };
    socket.on("data", read);
  }
}

function parse(head: string, body: string): FakeRequest {
  const [first = "", ...headers] = head.split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const url = new URL(target, "http://engine");
  const text = Buffer.from(body, "latin1").toString();
  return {
    method,
    path: decodeURIComponent(url.pathname.replace(/^\/v\d+\.\d+/, "")),
    query: url.searchParams,
    headers: headers.join("\n"),
    body: text === "" ? undefined : JSON.parse(text),
  };
}

function send(socket: Socket, answer: Exclude<FakeAnswer, { upgrade: unknown }>): void {
  const body =
    "lines" in answer
      ? answer.lines.map((line) => `${JSON.stringify(line)}\r\n`).join("")
      : JSON.stringify(answer.json ?? null);
  const status = "lines" in answer ? 200 : (answer.status ?? 200);
  socket.write(
    `HTTP/1.1 ${status} X\r\nApi-Version: 1.51\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** One frame of a multiplexed stream. */
export function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}
