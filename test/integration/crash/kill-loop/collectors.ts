import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Random } from "./random.ts";

interface LogConfig {
  Type: string;
  Config: Record<string, string>;
}

/** An OTLP request, as far as it is read here. */
interface Otlp {
  resourceLogs: Array<{
    resource: { attributes: Array<{ key: string; value: { stringValue?: string } }> };
    scopeLogs: Array<{ logRecords: Array<{ body: { stringValue: string } }> }>;
  }>;
}

/** What containers' logs are sent to: syslog and gelf over TCP, OTLP over HTTP. What came is kept by container. */
export class Collectors implements AsyncDisposable {
  readonly #lines = new Map<string, string[]>();
  readonly #servers: Array<Server | HttpServer> = [];
  readonly #sockets = new Set<Socket>();
  #configs: LogConfig[] = [];

  static async start(): Promise<Collectors> {
    const collectors = new Collectors();
    const syslog = await collectors.#streams("\n", (text) => {
      // <30>1 TIME HOST TAG PID TAG - LINE; the tag is the beginning of the id.
      const [, tag = "", line = ""] = /^<\d+>1 \S+ \S+ (\S+) \d+ \S+ - (.*)$/.exec(text) ?? [];
      collectors.#add(tag, line);
    });
    const gelf = await collectors.#streams("\0", (text) => {
      const message = JSON.parse(text) as { _container_id: string; short_message: string }; // the format's members
      collectors.#add(message._container_id, message.short_message);
    });
    const otlp = await collectors.#posts();
    collectors.#configs = [
      { Type: "syslog", Config: { "syslog-address": `tcp://127.0.0.1:${syslog}`, "syslog-format": "rfc5424" } },
      { Type: "gelf", Config: { "gelf-address": `tcp://127.0.0.1:${gelf}` } },
      { Type: "otlp", Config: { "otlp-endpoint": `http://127.0.0.1:${otlp}` } },
    ];
    return collectors;
  }

  pick(random: Random): LogConfig | undefined {
    return random.pick(this.#configs);
  }

  /** Of a container, in the order of their arrival. */
  linesOf(id: string): readonly string[] {
    return this.#lines.get(id.slice(0, 12)) ?? [];
  }

  #add(id: string, line: string): void {
    const key = id.slice(0, 12);
    const lines = this.#lines.get(key) ?? [];
    this.#lines.set(key, lines);
    lines.push(line);
  }

  /** What a daemon that was killed had sent half is sent again by the next one. */
  async #streams(separator: string, take: (text: string) => void): Promise<number> {
    const server = createServer((socket) => {
      let rest = "";
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.setEncoding("utf8").on("data", (text: string) => {
        const parts = `${rest}${text}`.split(separator);
        rest = parts.pop() ?? "";
        for (const part of parts) take(part);
      });
    });
    return await this.#listen(server);
  }

  async #posts(): Promise<number> {
    const server = createHttpServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { resourceLogs } = JSON.parse(Buffer.concat(parts).toString()) as Otlp; // the protocol's shape
        for (const { resource, scopeLogs } of resourceLogs) {
          const id = resource.attributes.find(({ key }) => key === "container.id")?.value.stringValue ?? "";
          for (const { logRecords } of scopeLogs) for (const { body } of logRecords) this.#add(id, body.stringValue);
        }
        response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
      });
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    return await this.#listen(server);
  }

  async #listen(server: Server | HttpServer): Promise<number> {
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port; // a TCP server's address is of this form
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
