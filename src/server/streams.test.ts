import { describe, expect, test } from "bun:test";
import { conflict, invalid, notFound, unknown } from "../base/index.ts";
import type { CallContext, ContainerStatsResponse } from "../api/index.ts";
import { defaultLimits } from "./http/index.ts";
import { eventually } from "./testing/eventually.ts";
import { FakeStdio } from "./testing/fake-stdio.ts";
import { ManualTimers } from "./testing/manual-timers.ts";
import { startTestServer } from "./testing/test-server.ts";

const UPGRADE = { fields: ["Connection: Upgrade", "Upgrade: tcp"] };
const ATTACH = "/containers/a/attach?stream=1&stdin=1&stdout=1&stderr=1";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

const attachTo = (stdio: FakeStdio) => ({ containers: { attach: async () => stdio } });

describe("attach", () => {
  test("upgrades, frames the output and hands on the input", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    const head = await client.takeTo("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(head).toContain("Content-Type: application/vnd.docker.multiplexed-stream\r\n");
    expect(head).toContain("Connection: Upgrade\r\nUpgrade: tcp\r\n");
    client.send("typed");
    await eventually("input arrives", () => stdio.input === "typed");
    stdio.say("out");
    stdio.say("err", "stderr");
    stdio.finish();
    expect(await client.rest()).toEqual(Buffer.concat([frame(1, "out"), frame(2, "err")]));
    await eventually("it is released", () => stdio.disposed > 0);
  });

  test("takes input that was sent along with the request", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.send(`POST ${ATTACH} HTTP/1.1\r\nHost: a\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nearly`);
    await eventually("input arrives", () => stdio.input === "early");
  });

  test("the older way answers 200 and has the same frames", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH);
    const head = await client.takeTo("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
    stdio.say("out");
    stdio.finish();
    expect(await client.rest()).toEqual(frame(1, "out"));
  });

  test("a terminal's output is not framed", async () => {
    const stdio = new FakeStdio(true);
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    expect(await client.takeTo("\r\n\r\n")).toContain("Content-Type: application/vnd.docker.raw-stream\r\n");
    stdio.say("raw");
    stdio.finish();
    expect((await client.rest()).toString()).toBe("raw");
  });

  test("versions below 1.42 are told of a raw stream", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", `/v1.41${ATTACH}`, UPGRADE);
    expect(await client.takeTo("\r\n\r\n")).toContain("Content-Type: application/vnd.docker.raw-stream\r\n");
  });

  test("the client's end of input closes stdin, and output goes on", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    client.send("last");
    client.end();
    await eventually("stdin is closed", () => stdio.inputClosed);
    expect(stdio.input).toBe("last");
    expect(stdio.disposed).toBe(0);
    await client.takeTo("\r\n\r\n");
    stdio.say("still here");
    stdio.finish();
    expect(await client.rest()).toEqual(frame(1, "still here"));
  });

  test("a client that dies after it ended its input is noticed without any output", async () => {
    const timers = new ManualTimers();
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio), { timers });
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    client.end();
    await eventually("stdin is closed", () => stdio.inputClosed);
    timers.fire(defaultLimits.presenceMs);
    expect(stdio.disposed).toBe(0);
    client.socket.destroy();
    await eventually("it is released", () => {
      timers.fire(defaultLimits.presenceMs);
      return stdio.disposed > 0;
    });
    await eventually("the connection is gone", () => server.server.connections === 0);
    expect(timers.pending(defaultLimits.presenceMs)).toBe(0);
  });

  test("input waits for a process that does not read", async () => {
    const stdio = new FakeStdio();
    const gate = Promise.withResolvers<void>();
    stdio.stuck = gate.promise;
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    await client.takeTo("\r\n\r\n");
    const sent = "x".repeat(4 * 1024 * 1024);
    client.send(sent);
    // The process's end comes through all the same.
    stdio.say("out");
    expect(await client.take(11)).toEqual(frame(1, "out"));
    expect(client.socket.writableLength).toBeGreaterThan(0);
    gate.resolve();
    await eventually("all input arrives", () => stdio.inputBytes === sent.length);
  });

  test("output waits for a client that does not read", async () => {
    const stdio = new FakeStdio();
    const piece = Buffer.alloc(64 * 1024);
    const pieces = 128;
    for (let index = 0; index < pieces; index += 1) stdio.say(piece);
    stdio.finish();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.socket.pause();
    client.request("POST", ATTACH, UPGRADE);
    await eventually("output is asked for", () => stdio.pulled > 0);
    let before = -1;
    await eventually("it stops asking", () => {
      const same = before === stdio.pulled;
      before = stdio.pulled;
      return same;
    });
    expect(stdio.pulled).toBeLessThan(pieces);
    client.socket.resume();
    await client.takeTo("\r\n\r\n");
    expect((await client.rest()).length).toBe(pieces * (piece.length + 8));
  });

  test("output that breaks off is told on the error stream", async () => {
    const stdio = new FakeStdio();
    await using server = await startTestServer(attachTo(stdio));
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    await client.takeTo("\r\n\r\n");
    stdio.fail(unknown("the shim has gone"));
    expect(await client.rest()).toEqual(frame(3, "the shim has gone"));
  });

  test.each([
    [404, notFound("No such container: a")],
    [400, invalid("Invalid detach keys (x) provided")],
    [409, conflict("paused")],
  ])("a failure of status %d is told in text, and the connection closes", async (status, error) => {
    await using server = await startTestServer({ containers: { attach: async () => Promise.reject(error) } });
    using client = await server.connect();
    client.request("POST", ATTACH, UPGRADE);
    const answer = await client.response();
    expect([answer.status, answer.body]).toEqual([status, `${error.message}\r\n`]);
    expect(answer.fields.get("content-type")).toBe("application/vnd.docker.raw-stream");
  });
});

describe("exec", () => {
  const START = { ...UPGRADE, json: { Detach: false, Tty: true, ConsoleSize: [24, 80] } };

  test("starts attached with the terminal's size", async () => {
    const stdio = new FakeStdio(true);
    let asked: unknown;
    await using server = await startTestServer({
      exec: {
        start: async (id, options) => {
          asked = [id, options];
          return stdio;
        },
      },
    });
    using client = await server.connect();
    client.request("POST", "/exec/e/start", START);
    await client.takeTo("\r\n\r\n");
    expect(asked).toEqual(["e", { detach: false, tty: true, consoleSize: { height: 24, width: 80 } }]);
    stdio.say("hi");
    stdio.finish();
    expect((await client.rest()).toString()).toBe("hi");
  });

  test("detached is an ordinary answer", async () => {
    await using server = await startTestServer({ exec: { start: async () => undefined } });
    using client = await server.connect();
    client.request("POST", "/exec/e/start", { json: { Detach: true } });
    expect(await client.response()).toMatchObject({ status: 200, body: "" });
  });

  test("a process that cannot be started is told on the stream", async () => {
    const error = invalid('exec: "x": executable file not found in $PATH');
    await using server = await startTestServer({ exec: { start: async () => Promise.reject(error) } });
    using client = await server.connect();
    client.request("POST", "/exec/e/start", START);
    expect(await client.takeTo("\r\n\r\n")).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect((await client.rest()).toString()).toBe(`${error.message}\r\n`);
  });

  test("one that is not there is an error before the upgrade, and the connection is kept", async () => {
    const error = notFound("No such exec instance: e");
    await using server = await startTestServer({ exec: { start: async () => Promise.reject(error) } });
    using client = await server.connect();
    client.request("POST", "/exec/e/start", START);
    expect(await client.response()).toMatchObject({ status: 404, body: `{"message":"${error.message}"}\n` });
    client.request("GET", "/_ping");
    expect((await client.response()).body).toBe("OK");
  });
});

describe("answers without an end", () => {
  test("a wait's head comes at once, its body later", async () => {
    const exit = Promise.withResolvers<{ statusCode: number }>();
    await using server = await startTestServer({ containers: { wait: async () => ({ result: exit.promise }) } });
    using client = await server.connect();
    client.request("POST", "/containers/a/wait?condition=next-exit");
    expect(await client.takeTo("\r\n\r\n")).toStartWith("HTTP/1.1 200 OK\r\n");
    exit.resolve({ statusCode: 3 });
    expect((await client.chunk()).toString()).toBe('{"StatusCode":3}\n');
    expect((await client.chunk()).length).toBe(0);
    client.request("GET", "/_ping");
    expect((await client.response()).body).toBe("OK");
  });

  test("a client that hangs up stops the call", async () => {
    let call: CallContext | undefined;
    await using server = await startTestServer({
      system: {
        events: async (_query, context) => {
          call = context;
          return endless();
        },
      },
    });
    const client = await server.connect();
    client.request("GET", "/events");
    await client.takeTo("\r\n\r\n");
    expect(call?.signal.aborted).toBe(false);
    client[Symbol.dispose]();
    await eventually("the call is aborted", () => call?.signal.aborted === true);
    await eventually("the connection is gone", () => server.server.connections === 0);
  });

  test("a client that hangs up stops a call that has not answered yet", async () => {
    let call: CallContext | undefined;
    await using server = await startTestServer({
      containers: {
        stop: async (_ref, _options, context) => {
          call = context;
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        },
      },
    });
    const client = await server.connect();
    client.request("POST", "/containers/a/stop");
    await eventually("the call came", () => call !== undefined);
    client[Symbol.dispose]();
    await eventually("the connection is gone", () => server.server.connections === 0);
    expect(call?.signal.aborted).toBe(true);
  });

  test("events come one a line, with the members that older clients read", async () => {
    const event = { Type: "container", Action: "start", Actor: { ID: "i", Attributes: { image: "b" } } } as const;
    await using server = await startTestServer({
      system: {
        events: async () =>
          (async function* () {
            yield event;
          })(),
      },
    });
    using client = await server.connect();
    client.request("GET", "/events?since=1&until=2");
    const answer = await client.response();
    expect(answer.fields.get("content-type")).toBe("application/json");
    expect(JSON.parse(answer.body)).toEqual({ status: "start", id: "i", from: "b", ...event });
  });

  test("stats come one a line", async () => {
    const sample: ContainerStatsResponse = { id: "a" };
    await using server = await startTestServer({
      containers: {
        stats: async () =>
          (async function* () {
            yield sample;
            yield sample;
          })(),
      },
    });
    using client = await server.connect();
    client.request("GET", "/containers/a/stats");
    expect((await client.response()).body).toBe('{"id":"a"}\n{"id":"a"}\n');
  });
});

describe("logs", () => {
  const log = (blocks: readonly Uint8Array[], error?: Error, tty = false) => ({
    containers: {
      logs: async () => ({
        tty,
        output: (async function* () {
          yield* blocks;
          if (error !== undefined) throw error;
        })(),
        async [Symbol.asyncDispose]() {},
      }),
    },
  });
  const chunk = (data: string) => frame(1, data);

  test("are framed", async () => {
    await using server = await startTestServer(log([chunk("a\n"), chunk("b\n")]));
    using client = await server.connect();
    client.request("GET", "/containers/a/logs?stdout=1");
    const answer = await client.response();
    expect(answer.fields.get("content-type")).toBe("application/vnd.docker.multiplexed-stream");
    expect(answer.body).toBe(Buffer.concat([frame(1, "a\n"), frame(1, "b\n")]).toString());
  });

  test("of a terminal are raw", async () => {
    await using server = await startTestServer(log([Buffer.from("a\n")], undefined, true));
    using client = await server.connect();
    client.request("GET", "/containers/a/logs?stdout=1");
    const answer = await client.response();
    expect([answer.fields.get("content-type"), answer.body]).toEqual(["application/vnd.docker.raw-stream", "a\n"]);
  });

  test("that break off say so", async () => {
    await using server = await startTestServer(log([chunk("a\n")], unknown("damaged")));
    using client = await server.connect();
    client.request("GET", "/containers/a/logs?stdout=1");
    expect((await client.response()).body).toBe(Buffer.concat([frame(1, "a\n"), frame(3, "damaged")]).toString());
  });

  test("need a stream", async () => {
    await using server = await startTestServer();
    using client = await server.connect();
    client.request("GET", "/containers/a/logs");
    expect((await client.response()).body).toContain("you must choose at least one stream");
  });
});

describe("archives", () => {
  test("go out in pieces, at the client's speed", async () => {
    const pieces = 128;
    let pulled = 0;
    await using server = await startTestServer({
      containers: {
        export: async () =>
          (async function* () {
            for (; pulled < pieces; pulled += 1) yield Buffer.alloc(64 * 1024);
          })(),
      },
    });
    using client = await server.connect();
    client.socket.pause();
    client.request("GET", "/containers/a/export");
    await eventually("it is asked for", () => pulled > 0);
    let before = -1;
    await eventually("it stops asking", () => {
      const same = before === pulled;
      before = pulled;
      return same;
    });
    expect(pulled).toBeLessThan(pieces);
    client.socket.resume();
    expect((await client.response()).body.length).toBe(pieces * 64 * 1024);
  });

  test("that break off do not end as if they were whole", async () => {
    await using server = await startTestServer({
      containers: {
        export: async () =>
          (async function* () {
            yield Buffer.from("half");
            throw unknown("damaged");
          })(),
      },
    });
    using client = await server.connect();
    client.request("GET", "/containers/a/export");
    await client.takeTo("\r\n\r\n");
    expect((await client.rest()).toString()).toBe("4\r\nhalf\r\n");
  });

  test("come in at the engine's speed", async () => {
    const gate = Promise.withResolvers<void>();
    let size = 0;
    await using server = await startTestServer({
      containers: {
        archivePut: async (_ref, _path, _options, body) => {
          await gate.promise;
          for await (const piece of body) size += piece.length;
        },
      },
    });
    using client = await server.connect();
    const total = 4 * 1024 * 1024;
    client.send(`PUT /containers/a/archive?path=/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    client.send(Buffer.alloc(total));
    client.request("GET", "/_ping");
    await eventually("the server has begun", () => server.server.connections === 1);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    gate.resolve();
    expect((await client.response()).status).toBe(200);
    expect(size).toBe(total);
    expect((await client.response()).body).toBe("OK");
  });

  test("a client that dies in the middle of its upload fails the call", async () => {
    let called = false;
    let failure: unknown;
    await using server = await startTestServer({
      containers: {
        archivePut: async (_ref, _path, _options, body) => {
          called = true;
          try {
            for await (const _piece of body);
          } catch (error) {
            failure = error;
            throw error;
          }
        },
      },
    });
    const client = await server.connect();
    client.send("PUT /containers/a/archive?path=/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    await eventually("it came", () => called);
    client[Symbol.dispose]();
    await eventually("the call failed", () => failure !== undefined);
  });

  test("tell of the path in a header", async () => {
    const stat = { name: "a", size: 1, mode: 420, mtime: "2020-01-01T00:00:00Z", linkTarget: "" };
    await using server = await startTestServer({ containers: { archiveStat: async () => stat } });
    using client = await server.connect();
    client.request("HEAD", "/containers/a/archive?path=/etc");
    const answer = await client.response({ bodyless: true });
    const field = answer.fields.get("x-docker-container-path-stat") ?? "";
    expect(JSON.parse(Buffer.from(field, "base64").toString())).toEqual(stat);
  });
});

describe("progress", () => {
  const pullOf = (items: AsyncIterable<{ status: string }>) => ({ images: { pull: async () => items } });

  test("comes one message a line, and an error after the first is a message", async () => {
    await using server = await startTestServer(
      pullOf(
        (async function* () {
          yield { status: "Pulling" };
          throw unknown("the registry has gone");
        })(),
      ),
    );
    using client = await server.connect();
    client.request("POST", "/images/create?fromImage=a");
    const answer = await client.response();
    expect(answer.status).toBe(200);
    expect(answer.body).toBe(
      '{"status":"Pulling"}\r\n{"errorDetail":{"message":"the registry has gone"},"error":"the registry has gone"}\r\n',
    );
  });

  test("that fails before the first message is a status", async () => {
    await using server = await startTestServer(
      pullOf(
        // A source that fails at once yields nothing.
        // oxlint-disable-next-line require-yield
        (async function* () {
          throw notFound("manifest unknown");
        })(),
      ),
    );
    using client = await server.connect();
    client.request("POST", "/images/create?fromImage=a");
    expect((await client.response()).status).toBe(404);
  });
});

function endless(): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
}
