import { describe, expect, test } from "bun:test";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { errnoOf, silentLogger } from "../base/index.ts";
import { defaultLimits } from "./http/index.ts";
import { createServer } from "./server.ts";
import { eventually } from "./testing/eventually.ts";
import { fakeBackends } from "./testing/fake-backends.ts";
import { FakeStdio } from "./testing/fake-stdio.ts";
import { ManualTimers } from "./testing/manual-timers.ts";
import { startTestServer } from "./testing/test-server.ts";

const PING = "GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n";
const CREATE = "POST /containers/create HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const created = { containers: { create: async () => ({ Id: "new", Warnings: [] }) } };

describe("requests", () => {
  test("are answered one after another when they come at once", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send(PING + PING.replace("GET", "HEAD") + PING);
    expect((await client.response()).body).toBe("OK");
    expect((await client.response({ bodyless: true })).fields.get("content-length")).toBe("0");
    expect((await client.response()).body).toBe("OK");
  });

  test("may come byte by byte", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    for (const letter of `\r\n${PING}`) client.send(letter);
    expect((await client.response()).body).toBe("OK");
  });

  test("with a body are followed by the next one", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.request("POST", "/containers/create", { json: { Image: "a" } });
    client.send(PING);
    expect((await client.response()).status).toBe(201);
    expect((await client.response()).body).toBe("OK");
  });

  test.each(["5\r\nab", "zz\r\nabc\r\n", `1\r\na${PING}`])(
    "are answered once when the rest of the body is broken: %j",
    async (broken) => {
      await using server = await startTestServer();
      using client = await server.connect();
      client.send("POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
      expect((await client.response()).status).toBe(404);
      client.send(broken);
      client.end();
      expect((await client.rest()).toString()).toBe("");
    },
  );

  test("may have a chunked body, with extensions and trailers", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.send(`${CREATE}Transfer-Encoding: chunked\r\n\r\n`);
    client.send('b;x=y\r\n{"Image":"a\r\n2\r\n"}\r\n0\r\nTrailer: x\r\n\r\n');
    client.send(PING);
    expect((await client.response()).status).toBe(201);
    expect((await client.response()).body).toBe("OK");
  });

  test("may be of HTTP/1.0, whose connection closes", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send("GET /_ping HTTP/1.0\r\n\r\n");
    const answer = await client.response();
    expect(answer.fields.get("connection")).toBe("close");
    expect((await client.rest()).length).toBe(0);
  });

  test("close the connection when they ask for it", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send(PING.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    expect((await client.response()).body).toBe("OK");
    expect((await client.rest()).length).toBe(0);
  });

  test("may name the whole URL", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send("GET http://docker/v1.41/_ping HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await client.response()).body).toBe("OK");
  });

  test("are answered even when the client has ended its side", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send(PING);
    client.end();
    expect((await client.response()).body).toBe("OK");
    expect((await client.rest()).length).toBe(0);
  });
});

describe("Expect: 100-continue", () => {
  test("is answered when the body is wanted", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.send(`${CREATE}Expect: 100-continue\r\nContent-Length: 13\r\n\r\n`);
    expect((await client.response()).status).toBe(100);
    client.send('{"Image":"a"}');
    expect((await client.response()).status).toBe(201);
  });

  test("is not answered when the request is refused, and the connection closes", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send("POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n");
    const answer = await client.response();
    expect([answer.status, answer.fields.get("connection")]).toEqual([404, "close"]);
    expect((await client.rest()).length).toBe(0);
  });
});

describe("broken requests", () => {
  test.each([
    ["garbage\r\n\r\n", "400 Bad Request: malformed request line"],
    ["GET /_ping HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"],
    [
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "505 HTTP Version Not Supported: only HTTP/1.1 is spoken here: HTTP/2 is not supported by berth yet",
    ],
    ["\u0016\u0003\u0001", "400 Bad Request: Client sent an HTTPS request to an HTTP server."],
  ])("%p gets a plain answer and the end", async (text, body) => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send(text);
    const answer = await client.response();
    expect(answer.fields.get("connection")).toBe("close");
    expect(answer.body).toBe(body);
  });

  test("a head that never ends is cut off", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.send(`GET /_ping HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(defaultLimits.headBytes)}`);
    expect((await client.response()).status).toBe(431);
  });

  test("a path that cannot be decoded is refused", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.request("GET", "/images/%zz/json");
    expect((await client.response()).status).toBe(400);
  });

  test("malformed chunks are refused and the connection closes", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.send(`${CREATE}Transfer-Encoding: chunked\r\n\r\nzz\r\n`);
    const answer = await client.response();
    expect([answer.status, answer.body]).toEqual([400, '{"message":"malformed chunked encoding"}\n']);
    expect((await client.rest()).length).toBe(0);
  });

  test("a body that is too long is refused before it is read", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.send(`${CREATE}Content-Length: 999999999\r\n\r\n`);
    expect((await client.response()).status).toBe(413);
    expect((await client.rest()).length).toBe(0);
  });

  test("a body that ends early is refused", async () => {
    await using server = await startTestServer(created);
    using client = await server.connect();
    client.send(`${CREATE}Content-Length: 100\r\n\r\n{`);
    client.end();
    expect((await client.response()).status).toBe(400);
  });
});

describe("time", () => {
  test("a connection that says nothing is closed", async () => {
    const timers = new ManualTimers();
    await using server = await startTestServer({}, { timers });
    using client = await server.connect();
    await eventually("the limit runs", () => timers.pending(defaultLimits.headMs) === 1);
    timers.fire(defaultLimits.headMs);
    expect((await client.rest()).length).toBe(0);
  });

  test("a head that trickles in is closed", async () => {
    const timers = new ManualTimers();
    await using server = await startTestServer({}, { timers });
    using client = await server.connect();
    client.send(`${PING}GET /_pi`);
    await client.response();
    await eventually("the limit runs", () => timers.pending(defaultLimits.headMs) === 1);
    timers.fire(defaultLimits.headMs);
    expect((await client.rest()).length).toBe(0);
  });

  test("a body that trickles in is closed", async () => {
    const timers = new ManualTimers();
    await using server = await startTestServer(created, { timers });
    using client = await server.connect();
    client.send(`${CREATE}Content-Length: 100\r\n\r\n{`);
    await eventually("the limit runs", () => timers.pending(defaultLimits.jsonMs) === 1);
    timers.fire(defaultLimits.jsonMs);
    expect((await client.rest()).length).toBe(0);
  });

  test("an idle connection is kept", async () => {
    const timers = new ManualTimers();
    await using server = await startTestServer({}, { timers });
    using client = await server.connect();
    client.send(PING);
    await client.response();
    expect(timers.pending(defaultLimits.headMs)).toBe(0);
    client.send(PING);
    expect((await client.response()).body).toBe("OK");
  });
});

test("a body that nobody wanted is skipped when it is short, and ends the connection when it is long", async () => {
  await using server = await startTestServer();
  using client = await server.connect();
  client.send(`POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${PING}`);
  expect((await client.response()).status).toBe(404);
  expect((await client.response()).body).toBe("OK");
  client.send(`POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: ${defaultLimits.drainBytes * 4}\r\n\r\n`);
  client.send(Buffer.alloc(defaultLimits.drainBytes * 4));
  expect((await client.response()).status).toBe(404);
  expect((await client.rest()).length).toBe(0);
});

describe("the socket", () => {
  test("has its mode, and is gone after closing", async () => {
    await using server = await startTestServer();
    expect((await stat(server.path)).mode & 0o777).toBe(0o660);
    await server.server.close({ graceMs: 0 });
    expect(await stat(server.path).catch(errnoOf)).toBe("ENOENT");
  });

  test("replaces one that a killed daemon left", async () => {
    await using server = await startTestServer();
    const stale = `${server.path}-stale`;
    const killed = createServer({ backends: fakeBackends(), version: "0", logger: silentLogger });
    await killed.listen({ path: `${stale}-before` });
    await rename(`${stale}-before`, stale); // closing does not find it there
    await killed.close({ graceMs: 0 });
    const next = createServer({ backends: fakeBackends(), version: "0", logger: silentLogger });
    await next.listen({ path: stale });
    expect((await stat(stale)).mode & 0o777).toBe(0o660);
    await next.close({ graceMs: 0 });
  });

  test("of another process is left to it, and so is any other file", async () => {
    await using server = await startTestServer();
    const next = createServer({ backends: fakeBackends(), version: "0", logger: silentLogger });
    await expect(next.listen({ path: server.path })).rejects.toThrow("another process listens there");
    using client = await server.connect();
    client.send(PING);
    expect((await client.response()).body).toBe("OK");
    const file = `${server.path}-file`;
    await writeFile(file, "precious");
    await expect(next.listen({ path: file })).rejects.toThrow("a file that is no socket");
    expect(await readFile(file, "utf8")).toBe("precious");
    await rm(file);
  });
});

test("rude clients leave nothing behind", async () => {
  const streams: FakeStdio[] = [];
  await using server = await startTestServer({
    containers: {
      attach: async () => {
        const stdio = new FakeStdio();
        streams.push(stdio);
        return stdio;
      },
    },
  });
  for (let index = 0; index < 48; index += 1) {
    using client = await server.connect();
    client.request("POST", "/containers/a/attach?stream=1", { fields: ["Connection: Upgrade", "Upgrade: tcp"] });
    if (index % 3 === 0) client.end();
    if (index % 2 === 0) await client.takeTo("\r\n\r\n");
  }
  await eventually("all connections are gone", () => server.server.connections === 0);
  expect(streams.filter((stdio) => stdio.disposed === 0).length).toBe(0);
});

test("closing ends idle connections at once and lets a request finish", async () => {
  const gate = Promise.withResolvers<void>();
  let asked = false;
  const server = await startTestServer({
    system: {
      version: async () => {
        asked = true;
        await gate.promise;
        return { Version: "1" };
      },
    },
  });
  using idle = await server.connect();
  idle.send(PING);
  await idle.response();
  using busy = await server.connect();
  busy.request("GET", "/version");
  await eventually("the request arrived", () => asked);
  const closed = server.server.close({ graceMs: 60_000 });
  expect((await idle.rest()).length).toBe(0);
  gate.resolve();
  expect((await busy.response()).status).toBe(200);
  await closed;
  expect(server.server.connections).toBe(0);
  await server[Symbol.asyncDispose]();
});

test("closing ends what takes longer than it may", async () => {
  const timers = new ManualTimers();
  let aborted = false;
  const server = await startTestServer(
    {
      containers: {
        wait: async (_ref, _condition, call) => {
          call.signal.addEventListener("abort", () => (aborted = true));
          return { result: new Promise(() => undefined) };
        },
      },
    },
    { timers },
  );
  using client = await server.connect();
  client.request("POST", "/containers/a/wait");
  await client.takeTo("\r\n\r\n");
  const closed = server.server.close({ graceMs: 7 });
  await eventually("the limit runs", () => timers.pending(7) === 1);
  timers.fire(7);
  await closed;
  expect(aborted).toBe(true);
  await server[Symbol.asyncDispose]();
});
