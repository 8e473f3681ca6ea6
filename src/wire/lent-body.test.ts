import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { loadNative, type Native } from "../sys/index.ts";
import { BodyFraming, LentBody } from "./index.ts";

setDefaultTimeout(60_000);

/** Chunks as a client may cut them. */
function chunked(contents: readonly Buffer[], trailers = ""): Buffer {
  const parts = contents.flatMap((content) => [`${content.length.toString(16)}\r\n`, content, "\r\n"]);
  return Buffer.concat([...parts, `0\r\n${trailers}\r\n`].map((part) => Buffer.from(part)));
}

function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255));
}

describe("a lent body", () => {
  let native: Native;
  let folder: string;
  let server: Server;

  beforeAll(async () => {
    native = loadNative();
    folder = mkdtempSync(join(tmpdir(), `berth-wire-${process.pid}-`));
    server = createServer({ pauseOnConnect: true });
    server.listen(join(folder, "s"));
    await once(server, "listening");
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function pair(): Promise<{ client: Socket; lent: { fd: number }; [Symbol.dispose](): void }> {
    const accepted = once(server, "connection");
    const client = connect(join(folder, "s"));
    const [socket] = (await accepted) as [Socket]; // what a server's "connection" has
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle; // no public property has it
    return {
      client,
      lent: { fd },
      [Symbol.dispose]: () => {
        client.destroy();
        socket.destroy();
      },
    };
  }

  /** Into the socket, where the reader finds it. */
  async function send(client: Socket, data: Buffer | string): Promise<void> {
    await new Promise((resolve) => client.write(data, resolve));
  }

  async function read(body: LentBody, hear = async (): Promise<void> => setImmediate()): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of body.pieces(hear)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  const next = Buffer.from("GET /next HTTP/1.1\r\n\r\n");

  // All of it fits into the socket: client and reader are one thread here.
  test.each([1, 7, 8, 9, 4096, 32768, 65537])("in chunks of %d bytes comes whole, and no byte more", async (size) => {
    using ends = await pair();
    const content = pattern(Math.min(size * 40, 100_000));
    const contents = Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
      content.subarray(i * size, (i + 1) * size),
    );
    await send(ends.client, Buffer.concat([chunked(contents, "Trailer: x\r\n"), next]));
    const framing = BodyFraming.chunked();
    const body = new LentBody(native, { fd: ends.lent.fd, framing: framing.state, ahead: Buffer.alloc(0) });
    expect((await read(body)).equals(content)).toBe(true);
    const { framing: left, rest } = body.left();
    expect(left.at).toBe("done");
    expect(next.subarray(0, rest.length).equals(rest)).toBe(true);
  });

  test("whose beginning was read ahead goes on from there", async () => {
    using ends = await pair();
    const content = pattern(50_000);
    const bytes = chunked([content.subarray(0, 20_000), content.subarray(20_000)]);
    await send(ends.client, bytes.subarray(30_000));
    const framing = BodyFraming.chunked();
    const body = new LentBody(native, {
      fd: ends.lent.fd,
      framing: framing.state,
      ahead: Buffer.concat([bytes.subarray(0, 30_000)]),
    });
    expect((await read(body)).equals(content)).toBe(true);
    expect(framing.state.at).toBe("size"); // the lender's own is as it was
  });

  test("of a length leaves what follows in the socket", async () => {
    using ends = await pair();
    const content = pattern(10_000);
    await send(ends.client, Buffer.concat([content, next]));
    const framing = BodyFraming.ofLength(content.length);
    const body = new LentBody(native, { fd: ends.lent.fd, framing: framing.state, ahead: Buffer.alloc(0) });
    expect((await read(body)).equals(content)).toBe(true);
    expect(body.left().rest.length).toBe(0);
    const behind = Buffer.alloc(next.length);
    expect(native.receive(ends.lent.fd, behind, 0, next.length, Buffer.alloc(0), 0, 1000)).toBe(next.length);
    expect(behind.equals(next)).toBe(true);
  });

  test.each([
    ["chunk that goes on", "5\r\nabcdefg\r\n"],
    ["length that is none", "zz\r\n"],
    ["line that is too long", `${"1".repeat(2000)}\r\n`],
    ["line end of one byte", "1\nab"],
  ])("with a %s is refused", async (_, bytes) => {
    using ends = await pair();
    await send(ends.client, bytes);
    const lent = { fd: ends.lent.fd, framing: BodyFraming.chunked().state, ahead: Buffer.alloc(0) };
    await expect(read(new LentBody(native, lent))).rejects.toThrow("malformed chunked encoding");
  });

  test.each(["", "5\r\nabc", "5\r\nabcde", "5\r\nabcde\r\n0\r\n"])("that ends with %j is cut short", async (bytes) => {
    using ends = await pair();
    if (bytes.length > 0) await send(ends.client, bytes);
    ends.client.end();
    await once(ends.client, "finish");
    const lent = { fd: ends.lent.fd, framing: BodyFraming.chunked().state, ahead: Buffer.alloc(0) };
    await expect(read(new LentBody(native, lent))).rejects.toThrow("unexpected EOF");
  });

  test("of a client that sends nothing lets its reader hear of something else", async () => {
    using ends = await pair();
    const lent = { fd: ends.lent.fd, framing: BodyFraming.chunked().state, ahead: Buffer.alloc(0) };
    const told = new Error("enough");
    await expect(read(new LentBody(native, lent), async () => Promise.reject(told))).rejects.toBe(told);
  });
});
