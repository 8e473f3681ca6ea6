import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";

/** Something that log entries are sent to: what came is kept. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  readonly bytes: Buffer[];
  /** All that came, as text. */
  text(): string;
}

/** Takes what comes over TCP. @param port 0: any that is free. @param answer what is said to it, if anything. */
export async function tcpReceiver(port = 0, answer?: (data: Buffer) => Uint8Array | undefined): Promise<Receiver> {
  const bytes: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data: Buffer) => {
      bytes.push(data);
      const said = answer?.(data);
      if (said !== undefined) socket.write(said);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is of this form
    bytes,
    text: () => Buffer.concat(bytes).toString(),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Takes datagrams. */
export async function udpReceiver(): Promise<Receiver> {
  const bytes: Buffer[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (data) => bytes.push(data));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    bytes,
    text: () => bytes.map((data) => `${data.toString()}\n`).join(""),
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Takes what is posted by HTTP; `status` is what the next answers have. */
export async function httpReceiver(): Promise<
  Receiver & { status: number; readonly headers: Record<string, unknown>[] }
> {
  const bytes: Buffer[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createHttpServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (receiver.status === 200) bytes.push(Buffer.concat(parts));
      headers.push({ url: request.url, ...request.headers });
      response.writeHead(receiver.status, { "Content-Type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver = {
    port: (server.address() as AddressInfo).port, // a TCP server's address is of this form
    bytes,
    headers,
    status: 200,
    text: () => bytes.map((data) => `${data.toString()}\n`).join(""),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return receiver;
}
