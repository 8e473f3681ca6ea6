import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Archiver, createArchiver, TarReader } from "../archive/index.ts";
import { loadNative, type Native } from "../sys/index.ts";
import { borrow, LEND, sendable } from "../wire/index.ts";
import { eventually } from "./testing/eventually.ts";
import type { RawClient } from "./testing/raw-client.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Request bodies and archives that a worker reads and writes at the client's socket itself. */

setDefaultTimeout(60_000);

const PING = "GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n";
const PUT = "PUT /containers/a/archive?path=/ HTTP/1.1\r\nHost: a\r\n";

let native: Native;
let archiver: Archiver;
let target: string;
/** What archivePut's calls ended with. */
let ends: (string | undefined)[];
let loans: number;
/** Ends archivePut's calls for a reason that is not the client's. */
let givingUp: AbortController;
/** Of archives that were asked for: what did not go from the worker to the client. */
let piecesRead: number;

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());
beforeEach(() => {
  target = mkdtempSync(join(tmpdir(), `berth-lending-${process.pid}-`));
  ends = [];
  loans = 0;
  givingUp = new AbortController();
  piecesRead = 0;
});
afterEach(() => rmSync(target, { recursive: true, force: true }));

async function start(): Promise<TestServer> {
  return await startTestServer(
    {
      containers: {
        archiveGet: async (_ref, path, { signal }) => {
          const { stat, body } = await archiver.get({ path: target }, path, { signal });
          const pieces = body[Symbol.asyncIterator]();
          const given = (async function* () {
            try {
              for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
                piecesRead++;
                yield next.value;
              }
            } finally {
              await pieces.return?.();
            }
          })();
          return { stat, body: sendable(given, () => body) };
        },
        archivePut: async (_ref, path, _options, body, { signal }) => {
          const lending = LEND in body;
          expect(lending).toBe(true);
          const source: typeof body = Object.assign(
            { [Symbol.asyncIterator]: () => body[Symbol.asyncIterator]() },
            {
              [LEND]: () => {
                const loan = borrow(body);
                if (loan !== undefined) loans++;
                return loan;
              },
            },
          );
          const put = archiver.put({ path: target }, path, source, {
            noOverwriteDirNonDir: false,
            signal: AbortSignal.any([signal, givingUp.signal]),
          });
          await put.then(
            () => ends.push(undefined),
            (error: Error) => ends.push(error.message),
          );
          await put;
        },
      },
    },
    { native },
  );
}

function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255));
}

/** A tar of one file. */
function tar(content: Buffer, name = "file"): Buffer {
  const head = Buffer.alloc(512);
  head.write(name);
  head.write("0000644\0", 100);
  head.write("0000000\0", 108);
  head.write("0000000\0", 116);
  head.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  head.write("00000000000\0", 136);
  head.write("        0", 148);
  head.write("ustar\x0000", 257);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([head, content, Buffer.alloc(((512 - (content.length % 512)) % 512) + 1024)]);
}

function chunks(data: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; at += size) {
    const part = data.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

const LAST = "0\r\n\r\n";

/** Sockets, and what is open of the tree; a new worker has some descriptors of its own. */
function openFiles(): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // closed meanwhile
    }
  });
  return targets.filter((name) => name.startsWith("socket:") || name.startsWith(target)).length;
}

describe("a body that a worker reads", () => {
  test.each([4096, 32768, 100_001])("in chunks of %d is stored, and the next request answered", async (size) => {
    await using server = await start();
    using client = await server.connect();
    const content = pattern(3_000_000);
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(Buffer.concat([chunks(tar(content), size), Buffer.from(LAST + PING)]));
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).body).toBe("OK");
    expect(readFileSync(join(target, "file")).equals(content)).toBe(true);
    expect(loans).toBe(1);
  });

  test("of a known length is stored, again and again on one connection", async () => {
    await using server = await start();
    using client = await server.connect();
    for (const size of [1, 1_000_000, 70_000]) {
      const content = pattern(size);
      const body = tar(content);
      client.send(`${PUT}Content-Length: ${body.length}\r\n\r\n`);
      client.send(body);
      expect((await client.response()).status).toBe(200);
      expect(readFileSync(join(target, "file")).equals(content)).toBe(true);
    }
    expect(loans).toBe(3);
  });

  test("is asked for when the client waits for that", async () => {
    await using server = await start();
    using client = await server.connect();
    const body = tar(pattern(100_000));
    client.send(`${PUT}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    expect((await client.response()).status).toBe(100);
    client.send(body);
    expect((await client.response()).status).toBe(200);
  });

  test("ends with a client that goes away, and nothing stays open", async () => {
    await using server = await start();
    {
      using first = await server.connect();
      first.send(`${PUT}Content-Length: 5\r\n\r\nshort`);
      await first.response();
    }
    await eventually("the first connection is gone", () => server.server.connections === 0);
    const before = openFiles();
    for (let time = 0; time < 5; time++) {
      using client = await server.connect();
      client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
      client.send(chunks(tar(pattern(300_000), `file${time}`).subarray(0, 200_000), 32768));
      await eventually("the file is there", () => readdirSync(target).includes(`file${time}`));
    }
    await eventually("the calls have ended", () => ends.length === 6);
    for (const end of ends.slice(1)) expect(end).toMatch(/context canceled|unexpected EOF/);
    await eventually("the connections are gone", () => server.server.connections === 0);
    await eventually("nothing stays open", () => openFiles() <= before);
  });

  test("ends with the server", async () => {
    const server = await start();
    using client = await server.connect();
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(chunks(tar(pattern(300_000)).subarray(0, 200_000), 32768));
    await eventually("the file is there", () => readdirSync(target).length > 0);
    await server[Symbol.asyncDispose]();
    await eventually("the call has ended", () => ends.length === 1);
    expect(ends[0]).toBe("context canceled");
  });

  test("that the engine gives up is answered, and its client sees the end", async () => {
    await using server = await start();
    using client = await server.connect();
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(chunks(tar(pattern(300_000)).subarray(0, 200_000), 32768));
    await eventually("the file is there", () => readdirSync(target).length > 0);
    givingUp.abort();
    const { status, body } = await client.response();
    expect([status, body]).toEqual([500, '{"message":"context canceled"}\n']);
    client.end();
    expect((await client.rest()).length).toBe(0);
  });

  test("whose chunks are malformed is an error, and the end of the connection", async () => {
    await using server = await start();
    using client = await server.connect();
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(Buffer.concat([chunks(tar(pattern(300_000)).subarray(0, 200_000), 32768), Buffer.from("what\r\n")]));
    const answer = await client.response();
    expect([answer.status, answer.body]).toEqual([500, '{"message":"malformed chunked encoding"}\n']);
    expect((await client.rest()).length).toBe(0);
  });

  test("that is no good early on is refused while the client still sends", async () => {
    await using server = await start();
    using client = await server.connect();
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(chunks(Buffer.alloc(5_000_000, "no tar"), 32768));
    expect((await client.response()).status).toBe(500);
    expect((await client.rest()).length).toBe(0);
    expect(loans).toBe(1);
  });

  test("that is refused before it ends leaves the connection good when little is left", async () => {
    await using server = await start();
    using client = await server.connect();
    const body = Buffer.alloc(2000, "no tar");
    client.send(`${PUT}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(chunks(body, 700));
    expect((await client.response()).status).toBe(500);
    client.send(LAST + PING);
    expect((await client.response()).body).toBe("OK");
  });
});

/** The files of a tar. */
function filesIn(data: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let parts: Buffer[] = [];
  let name: string | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      parts = [];
      name = entry.type === "file" ? entry.name : undefined;
    },
    data: (piece) => void parts.push(Buffer.from(piece)),
    entryEnd: () => {
      if (name !== undefined) files.set(name, Buffer.concat(parts));
    },
  });
  reader.push(data);
  reader.finish();
  return files;
}

const GET = "GET /containers/a/archive?path=/dir HTTP/1.1\r\nHost: a\r\n\r\n";

async function bodyOf(client: RawClient): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let part = await client.chunk(); part.length > 0; part = await client.chunk()) parts.push(part);
  return Buffer.concat(parts);
}

describe("an archive that a worker sends", () => {
  const contents = new Map([
    ["dir/a", pattern(100)],
    ["dir/b", pattern(3_000_000)],
    ["dir/c", pattern(130_000)],
    ["dir/d", pattern(127_000)],
    ["dir/e", pattern(1_000_001)],
    ["dir/f", Buffer.alloc(0)],
  ]);

  beforeEach(() => {
    mkdirSync(join(target, "dir"));
    for (const [name, content] of contents) writeFileSync(join(target, name), content);
  });

  test("is what was asked for, and the connection goes on", async () => {
    await using server = await start();
    using client = await server.connect();
    for (let time = 0; time < 2; time++) {
      client.send(GET);
      expect(await client.takeTo("\r\n\r\n")).toStartWith("HTTP/1.1 200 OK");
      expect(filesIn(await bodyOf(client))).toEqual(contents);
    }
    client.send(PING);
    expect((await client.response()).body).toBe("OK");
    expect(piecesRead).toBe(2); // the first ones: an error there still has a status
  });

  test("has no chunks for a client of HTTP/1.0", async () => {
    await using server = await start();
    using client = await server.connect();
    client.send("GET /containers/a/archive?path=/dir HTTP/1.0\r\n\r\n");
    await client.takeTo("\r\n\r\n");
    expect(filesIn(await client.rest())).toEqual(contents);
  });

  test("is told of to who asks for its head alone", async () => {
    await using server = await start();
    using client = await server.connect();
    client.send(GET.replace("GET", "HEAD"));
    client.send(PING);
    await client.response({ bodyless: true });
    expect((await client.response()).body).toBe("OK");
  });

  test("goes on as zeros where a file becomes shorter meanwhile", async () => {
    await using server = await start();
    using client = await server.connect();
    const size = 20_000_000;
    writeFileSync(join(target, "dir/b"), Buffer.alloc(size, "b"));
    client.send(GET);
    await client.takeTo("\r\n\r\n");
    const first = await client.chunk();
    truncateSync(join(target, "dir/b"), 10_000_000);
    const files = filesIn(Buffer.concat([first, await bodyOf(client)]));
    expect([...files.keys()]).toEqual([...contents.keys()]);
    const b = files.get("dir/b") ?? Buffer.alloc(0);
    expect(b.length).toBe(size);
    const end = b.indexOf(0);
    expect(end).toBeGreaterThanOrEqual(10_000_000);
    expect(b.subarray(end).every((byte) => byte === 0)).toBe(true);
  });

  test("ends with a client that goes away, and nothing stays open", async () => {
    await using server = await start();
    {
      using first = await server.connect();
      first.send(GET);
      await first.takeTo("\r\n\r\n");
      await bodyOf(first);
    }
    await eventually("the first connection is gone", () => server.server.connections === 0);
    const before = openFiles();
    for (let time = 0; time < 5; time++) {
      using client = await server.connect();
      client.send(GET);
      await client.takeTo("\r\n\r\n");
    }
    await eventually("the connections are gone", () => server.server.connections === 0);
    await eventually("nothing stays open", () => openFiles() <= before);
  });

  test("does not hold up the server's end when its client does not read", async () => {
    const server = await start();
    using client = await server.connect();
    client.send(GET);
    await client.takeTo("\r\n\r\n");
    client.socket.pause();
    await server[Symbol.asyncDispose]();
    expect(server.server.connections).toBe(0);
    client.socket.resume();
    expect((await client.rest()).toString("latin1")).not.toEndWith("0\r\n\r\n");
  });
});
