import { afterEach, expect, test } from "bun:test";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { StreamConnection } from "./stream-connection.ts";

let server: Server | undefined;
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

/** A receiver; gives its port. */
async function receiver(serve: (socket: Socket) => void): Promise<number> {
  const made = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return (made.address() as AddressInfo).port; // a TCP server's address is of this form
}

test("what is written arrives, and the answer is read", async () => {
  const port = await receiver((socket) =>
    socket.on("data", (data: Buffer) => socket.write(`heard ${data.toString()}`)),
  );
  await using connection = new StreamConnection({ host: "127.0.0.1", port });
  await connection.write(Buffer.from("hello"));
  expect((await connection.read()).toString()).toBe("heard hello");
});

test("a reader is told when the receiver goes, and the next write connects again", async () => {
  let connections = 0;
  const port = await receiver((socket) => {
    connections += 1;
    socket.once("data", () => socket.end());
  });
  await using connection = new StreamConnection({ host: "127.0.0.1", port });
  await connection.write(Buffer.from("one"));
  expect(await connection.read().catch(String)).toBe("Error: the receiver closed the connection");
  await connection.write(Buffer.from("two"));
  expect(await connection.read().catch(String)).toBe("Error: the receiver closed the connection");
  expect(connections).toBe(2);
});

test("a receiver that says nothing in its time is given up", async () => {
  const port = await receiver(() => undefined);
  await using connection = new StreamConnection({ host: "127.0.0.1", port });
  await connection.write(Buffer.from("hello"));
  expect(await connection.read(1).catch(String)).toBe("Error: the receiver does not answer");
  expect(await connection.read().catch(String)).toBe("Error: the receiver closed the connection");
});

test("nobody listening is the system's error", async () => {
  const port = await receiver(() => undefined);
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  await using connection = new StreamConnection({ host: "127.0.0.1", port });
  expect(await connection.write(Buffer.from("hello")).catch(String)).toContain("ECONNREFUSED");
});

test("closing sends what was written, and a later write makes another connection", async () => {
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  const port = await receiver((socket) => {
    const at = heard.push("") - 1;
    socket.on("data", (data: Buffer) => (heard[at] += data.toString()));
    socket.on("end", () => {
      if (at === 1) ended.resolve();
    });
  });
  const connection = new StreamConnection({ host: "127.0.0.1", port });
  await connection.write(Buffer.from("one"));
  await connection.close();
  await connection.write(Buffer.from("two"));
  await connection.close();
  await ended.promise;
  expect(heard).toEqual(["one", "two"]);
});
