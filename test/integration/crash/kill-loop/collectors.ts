import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatagramSocket } from "../../../support/sockets.ts";
import { acknowledgement, forwardMessages } from "./forward.ts";
import type { Random } from "./random.ts";

/** A way to a collector. */
export interface Sending {
  LogConfig: { Type: string; Config: Record<string, string> };
  /** Lines that a container may send at most: a queue of datagrams is short. */
  most: number;
  /** Datagrams that the kernel drops when it has no room for them. */
  mayDrop: boolean;
}

/** An OTLP request, as far as it is read here. */
interface Otlp {
  resourceLogs: Array<{
    resource: { attributes: Array<{ key: string; value: { stringValue?: string } }> };
    scopeLogs: Array<{ logRecords: Array<{ body: { stringValue: string } }> }>;
  }>;
}

/**
 * What containers' logs are sent to: syslog over TCP, UDP and sockets of both kinds, gelf over TCP, OTLP over HTTP, fluentd
 * with and without acknowledgements. What came is kept by container.
 */
export class Collectors implements AsyncDisposable {
  readonly #lines = new Map<string, string[]>();
  readonly #servers: Array<Server | HttpServer> = [];
  readonly #sockets = new Set<Socket>();
  readonly #folder: string;
  readonly #udp: UdpSocket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  readonly #datagrams: DatagramSocket;
  #datagramsRead = 0;
  #polling: NodeJS.Timeout | undefined;
  #sendings: Sending[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.#datagrams = new DatagramSocket(join(folder, "datagrams"));
  }

  static async start(): Promise<Collectors> {
    const collectors = new Collectors(await mkdtemp(join(tmpdir(), "berth-collectors-")));
    await collectors.#listenAll();
    return collectors;
  }

  async #listenAll(): Promise<void> {
    const syslog = await this.#streams("\n", (text) => this.#syslog(text));
    await this.#streams("\n", (text) => this.#syslog(text), join(this.#folder, "stream"));
    const gelf = await this.#streams("\0", (text) => {
      const message = JSON.parse(text) as { _container_id: string; short_message: string }; // the format's members
      this.#add(message._container_id, message.short_message);
    });
    const otlp = await this.#posts();
    const fluentd = await this.#forwards();
    this.#udp.on("message", (data) => this.#syslog(data.toString()));
    this.#udp.bind(0, "127.0.0.1");
    await once(this.#udp, "listening");
    this.#polling = setInterval(() => this.#readDatagrams(), 5);
    const sending = (Type: string, Config: Record<string, string>, most = 3000): Sending => ({
      LogConfig: { Type, Config },
      most,
      mayDrop: Config["syslog-address"]?.startsWith("udp:") ?? false,
    });
    const syslogTo = (address: string, most?: number) =>
      sending("syslog", { "syslog-address": address, "syslog-format": "rfc5424" }, most);
    this.#sendings = [
      syslogTo(`tcp://127.0.0.1:${syslog}`),
      syslogTo(`udp://127.0.0.1:${this.#udp.address().port}`, 100),
      syslogTo(`unix://${join(this.#folder, "stream")}`),
      syslogTo(`unixgram://${join(this.#folder, "datagrams")}`, 200),
      sending("gelf", { "gelf-address": `tcp://127.0.0.1:${gelf}` }),
      sending("otlp", { "otlp-endpoint": `http://127.0.0.1:${otlp}` }),
      ...["true", "false"].map((ack) =>
        sending("fluentd", { "fluentd-address": `127.0.0.1:${fluentd}`, "fluentd-request-ack": ack }),
      ),
    ];
  }

  pick(random: Random): Sending | undefined {
    return random.pick(this.#sendings);
  }

  /** The datagrams over UDP that the kernel had no room for: proc_net(5)'s last column. */
  dropped(): number {
    const port = this.#udp.address().port.toString(16).toUpperCase().padStart(4, "0");
    const line = readFileSync("/proc/net/udp", "utf8")
      .split("\n")
      .find((each) => each.includes(`:${port} 00000000:0000`));
    return Number(line?.trim().split(/\s+/).at(-1));
  }

  /** `<30>1 TIME HOST TAG PID TAG - LINE`; the tag is the beginning of the id. */
  #syslog(text: string): void {
    const [, tag = "", line = ""] = /^<\d+>1 \S+ \S+ (\S+) \d+ \S+ - (.*)$/.exec(text) ?? [];
    this.#add(tag, line);
  }

  #readDatagrams(): void {
    const all = this.#datagrams.received();
    for (; this.#datagramsRead < all.length; this.#datagramsRead++) this.#syslog(all[this.#datagramsRead] ?? "");
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
  async #streams(separator: string, take: (text: string) => void, path?: string): Promise<number> {
    const server = createServer((socket) => {
      let rest = "";
      this.#keep(socket);
      socket.setEncoding("utf8").on("data", (text: string) => {
        const parts = `${rest}${text}`.split(separator);
        rest = parts.pop() ?? "";
        for (const part of parts) take(part);
      });
    });
    return await this.#listen(server, path);
  }

  /** fluentd's: a message is taken as a whole. */
  async #forwards(): Promise<number> {
    const server = createServer((socket) => {
      let rest: Buffer = Buffer.alloc(0);
      this.#keep(socket);
      socket.on("data", (data: Buffer) => {
        rest = Buffer.concat([rest, data]);
        const { messages, used } = forwardMessages(rest);
        rest = rest.subarray(used);
        for (const { records, chunk } of messages) {
          for (const { container_id: id, log } of records) this.#add(id, log);
          if (chunk !== undefined) socket.write(acknowledgement(chunk));
        }
      });
    });
    return await this.#listen(server);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
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
    server.on("connection", (socket) => this.#keep(socket));
    return await this.#listen(server);
  }

  /** @returns the port, unless it listens at a path. */
  async #listen(server: Server | HttpServer, path?: string): Promise<number> {
    this.#servers.push(server);
    server.listen(path === undefined ? { port: 0, host: "127.0.0.1" } : { path });
    await once(server, "listening");
    return path === undefined ? (server.address() as AddressInfo).port : 0; // a TCP server's address is of this form
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#polling);
    this.#udp.close();
    this.#datagrams[Symbol.dispose]();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    await rm(this.#folder, { recursive: true });
  }
}
