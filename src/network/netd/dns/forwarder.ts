import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { randomInt } from "node:crypto";
import { TcpFrames } from "./tcp-frames.ts";

const TIMEOUT_MS = 4000;
const MAX_UNDER_WAY = 1024;
const PORT = 53;

/** Asks other name servers, in order, until one replies. Undefined when none did, or too much is under way. */
export class Forwarder {
  #underWay = 0;

  async ask(message: Buffer, servers: readonly string[], transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    if (this.#underWay >= MAX_UNDER_WAY) return undefined;
    this.#underWay++;
    try {
      for (const server of servers) {
        const reply = await this.#askOne(message, server, transport);
        if (reply !== undefined) return reply;
      }
      return undefined;
    } finally {
      this.#underWay--;
    }
  }

  /** With an id and port of its own, so that replies cannot be guessed from what the container chose. */
  async #askOne(message: Buffer, server: string, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const question = Buffer.from(message);
    const id = randomInt(65536);
    question.writeUInt16BE(id, 0);
    const reply = await (transport === "udp" ? overUdp(question, server) : overTcp(question, server));
    if (reply === undefined) return undefined;
    const own = Buffer.from(reply);
    own.writeUInt16BE(message.readUInt16BE(0), 0);
    return own;
  }
}

const isReply = (message: Buffer, question: Buffer) =>
  message.length >= 12 && message.readUInt16BE(0) === question.readUInt16BE(0) && ((message[2] ?? 0) & 0x80) !== 0;

function overUdp(question: Buffer, server: string): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const [host, port] = hostAndPort(server);
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
  socket.on("error", () => resolve(undefined));
  socket.on("message", (message, from) => {
    if (from.port === port && isReply(message, question)) resolve(message);
  });
  socket.send(question, port, host);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function overTcp(question: Buffer, server: string): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const [host, port] = hostAndPort(server);
  const socket = connect({ host, port });
  const timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
  const frames = new TcpFrames();
  socket.on("error", () => resolve(undefined));
  socket.on("close", () => resolve(undefined));
  socket.on("data", (data) => {
    for (const message of frames.push(data)) if (isReply(message, question)) resolve(message);
  });
  socket.write(TcpFrames.frame(question));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** Tests and split setups name a port: `127.0.0.1#5353`. */
function hostAndPort(server: string): [string, number] {
  const [host = "", port] = server.split("#");
  return [host, port === undefined ? PORT : Number(port)];
}
