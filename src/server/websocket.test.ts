import { describe, expect, test } from "bun:test";
import { connect, createServer, type AddressInfo } from "node:net";
import { notFound } from "../base/index.ts";
import { eventually } from "./testing/eventually.ts";
import { FakeStdio } from "./testing/fake-stdio.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

const ATTACH = "/v1.51/containers/a/attach/ws?stream=1&stdin=1&stdout=1&stderr=1";
const HANDSHAKE = {
  fields: [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ],
};

const attachTo = (stdio: FakeStdio) => ({ containers: { attach: async () => stdio } });

/** A client's frame: always masked. */
function frame(kind: number, text: string, final = true): Buffer {
  const mask = [1, 2, 3, 4];
  const payload = Buffer.from(text).map((byte, at) => byte ^ (mask[at & 3] ?? 0));
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | kind, 0x80 | payload.length, ...mask]), payload]);
}

async function attached(server: TestServer) {
  const client = await server.connect();
  client.request("GET", ATTACH, HANDSHAKE);
  return { client, head: await client.takeTo("\r\n\r\n") };
}

describe("attach over a WebSocket", () => {
  test("answers the handshake as the protocol's own example wants it, and carries output in messages", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    const { client, head } = await attached(server);
    using _closed = client;
    expect(head).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
    expect(head).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    stdio.say("out");
    stdio.say("x".repeat(300), "stderr");
    stdio.finish();
    expect(await client.rest()).toEqual(
      Buffer.concat([
        Buffer.from([0x82, 3]),
        Buffer.from("out"),
        Buffer.from([0x82, 126, 1, 44]),
        Buffer.from("x".repeat(300)),
        Buffer.from([0x88, 2, 0x03, 0xe8]),
      ]),
    );
    await eventually("it is released", () => stdio.disposed > 0);
  });

  test("input comes from messages, in pieces and cut anywhere; pings are answered", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    const { client } = await attached(server);
    using _closed = client;
    const sent = Buffer.concat([frame(1, "he", false), frame(9, "?"), frame(0, "llo")]);
    for (const byte of sent) client.send(Buffer.from([byte]));
    await eventually("input arrives", () => stdio.input === "hello");
    expect(await client.take(3)).toEqual(Buffer.from([0x8a, 1, 0x3f]));
    client.send(frame(8, ""));
    await eventually("input ends", () => stdio.inputClosed);
    expect(await client.take(4)).toEqual(Buffer.from([0x88, 2, 0x03, 0xe8]));
  });

  test.each([
    ["has no mask", Buffer.from([0x81, 1, 0x41])],
    ["is too long", Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
    ["is of no known kind", frame(5, "a")],
    ["is a control frame of 126 bytes", Buffer.from([0x89, 0xfe, 0, 126, 1, 2, 3, 4])],
  ])("a frame that %s ends the input with the protocol's error", async (_what, bytes) => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    const { client } = await attached(server);
    using _closed = client;
    client.send(bytes);
    expect(await client.take(4)).toEqual(Buffer.from([0x88, 2, 0x03, 0xea]));
    expect(stdio.input).toBe("");
  });

  test.each([
    ["Upgrade: tcp", "not websocket protocol"],
    ["Upgrade: websocket", "missing or bad WebSocket Version"],
  ])("a request with %s alone attaches nothing", async (field, message) => {
    let asked = false;
    await using server = await startTestServer({
      containers: {
        attach: async () => {
          asked = true;
          return new FakeStdio();
        },
      },
    });
    using client = await server.connect();
    client.request("GET", ATTACH, { fields: ["Connection: Upgrade", field] });
    const answer = await client.response();
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toEqual({ message });
    expect(asked).toBe(false);
  });

  test("a container that is not there is a status", async () => {
    const attach = async () => Promise.reject(notFound("No such container: a"));
    await using server = await startTestServer({ containers: { attach } });
    using client = await server.connect();
    client.request("GET", ATTACH, HANDSHAKE);
    expect((await client.response()).status).toBe(404);
  });

  test("a client of the field talks and hears", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    const relay = createServer((socket) => {
      const inner = connect(server.path);
      socket.pipe(inner).pipe(socket);
      client.addEventListener("close", () => socket.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const { port } = relay.address() as AddressInfo; // it listens on tcp
    const client = new WebSocket(`ws://127.0.0.1:${port}${ATTACH}`);
    client.binaryType = "arraybuffer";
    const heard = Promise.withResolvers<unknown>();
    const closed = Promise.withResolvers<number>();
    client.addEventListener("message", ({ data }) => heard.resolve(data));
    client.addEventListener("close", ({ code }) => closed.resolve(code));
    client.addEventListener("open", () => client.send("typed"));
    await eventually("input arrives", () => stdio.input === "typed");
    stdio.say("said");
    expect(Buffer.from((await heard.promise) as ArrayBuffer).toString()).toBe("said"); // binaryType above
    stdio.finish();
    expect(await closed.promise).toBe(1000);
    await new Promise((resolve) => relay.close(resolve));
  });
});
