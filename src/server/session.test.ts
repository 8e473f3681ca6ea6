import { describe, expect, test } from "bun:test";
import { invalid, notFound } from "../base/index.ts";
import type { WaitResult } from "../api/index.ts";
import { eventually } from "./testing/eventually.ts";
import { FakeStdio } from "./testing/fake-stdio.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** `Prefer: start`: what is made is started with the same request. */

const ID = "c".repeat(64);
const CREATE = "/containers/create";
const prefer = (value: string, ...more: string[]) => ({ json: { Image: "i" }, fields: [`Prefer: ${value}`, ...more] });
const UPGRADE = ["Connection: Upgrade", "Upgrade: tcp"];

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}
const record = (value: unknown) => frame(4, `${JSON.stringify(value)}\n`);

/** An engine with one container, which says what it was asked for. */
function engine(stdio: FakeStdio, { failure, made = ID }: { failure?: Error; made?: string } = {}) {
  const calls: string[] = [];
  const exit = Promise.withResolvers<WaitResult>();
  const containers = {
    create: async () => ({ Id: made, Warnings: ["careful"] }),
    wait: async (_ref: string, condition: string) => {
      calls.push(`wait ${condition}`);
      return { result: exit.promise };
    },
    attach: async (_ref: string, query: { stdin: boolean; stdout: boolean; stderr: boolean; detachKeys?: string }) => {
      calls.push(`attach ${query.stdin} ${query.stdout} ${query.stderr} ${query.detachKeys ?? "none"}`);
      return stdio;
    },
    start: async () => {
      calls.push("start");
      if (failure !== undefined) throw failure;
    },
  };
  return { calls, exit, backends: { containers } as unknown as Parameters<typeof startTestServer>[0] }; // only these are called
}

async function open(server: TestServer, value = "start", body: object = {}) {
  const client = await server.connect();
  client.request("POST", CREATE, { json: { Image: "i", ...body }, fields: [`Prefer: ${value}`, ...UPGRADE] });
  return { client, head: await client.takeTo("\r\n\r\n") };
}

describe("a container's session", () => {
  test("has what was made, the output, and how it ended", async () => {
    const stdio = new FakeStdio();
    const { calls, exit, backends } = engine(stdio);
    await using server = await startTestServer(backends);
    const { client, head } = await open(server, "start", { AttachStdin: true, AttachStdout: true });
    using _held = client;
    expect(head).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(head).toContain("Content-Type: application/vnd.berth.session-stream\r\n");
    expect(head).toContain("Preference-Applied: start\r\n");
    const begin = Buffer.concat([record({ Id: ID, Warnings: ["careful"] }), record({ Started: true })]);
    expect(await client.take(begin.length)).toEqual(begin);
    expect(calls).toEqual(["wait next-exit", "attach true true false none", "start"]);
    client.send("typed");
    await eventually("input arrives", () => stdio.input === "typed");
    stdio.say("out");
    stdio.say("err", "stderr");
    stdio.finish();
    exit.resolve({ statusCode: 3 });
    const end = Buffer.concat([frame(1, "out"), frame(2, "err"), record({ StatusCode: 3 })]);
    expect(await client.rest()).toEqual(end);
  });

  test("is framed with a terminal, too, and waits for the removal of what is removed", async () => {
    const stdio = new FakeStdio(true);
    const { calls, exit, backends } = engine(stdio);
    await using server = await startTestServer(backends);
    const body = { Tty: true, HostConfig: { AutoRemove: true } };
    const { client } = await open(server, 'respond-async, start; detach-keys="ctrl-x,y"', body);
    using _held = client;
    stdio.say("raw");
    stdio.finish();
    exit.resolve({ statusCode: 0 });
    expect((await client.rest()).includes(frame(1, "raw"))).toBe(true);
    expect(calls).toEqual(["wait removed", "attach false false false ctrl-x,y", "start"]);
  });

  test("says why it could not be started, and lets go of its stdio", async () => {
    const stdio = new FakeStdio();
    const { backends } = engine(stdio, { failure: invalid("no such program") });
    await using server = await startTestServer(backends);
    const { client } = await open(server);
    using _held = client;
    const failure = record({ Failure: { Status: 400, Message: "no such program" } });
    expect(await client.rest()).toEqual(Buffer.concat([record({ Id: ID, Warnings: ["careful"] }), failure]));
    expect(stdio.disposed).toBeGreaterThan(0);
  });

  test("of a client that goes away lets go of its stdio", async () => {
    const stdio = new FakeStdio();
    const { backends } = engine(stdio);
    await using server = await startTestServer(backends);
    const { client } = await open(server);
    client.socket.resetAndDestroy();
    await eventually("it is released", () => stdio.disposed > 0);
    await eventually("the connection is gone", () => server.server.connections === 0);
  });

  test("is not opened for a client that does not ask for one", async () => {
    const { calls, backends } = engine(new FakeStdio());
    await using server = await startTestServer(backends);
    for (const value of ["restart", "start=2", 'start; detach-keys="a"b"', "respond-async"]) {
      using client = await server.connect();
      client.request("POST", CREATE, prefer(value, ...UPGRADE));
      expect((await client.response()).status).toBe(201);
    }
    expect(calls).toEqual([]);
  });
});

describe("without an upgrade", () => {
  test("a container is made and started", async () => {
    const { calls, backends } = engine(new FakeStdio());
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", CREATE, prefer("start"));
    const { status, fields, body } = await client.response();
    expect([status, fields.get("preference-applied")]).toEqual([201, "start"]);
    expect(JSON.parse(body)).toEqual({ Id: ID, Warnings: ["careful"] });
    expect(calls).toEqual(["start"]);
  });

  test("the start's failure is the answer", async () => {
    const { backends } = engine(new FakeStdio(), { failure: notFound("no such network") });
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", CREATE, prefer("start"));
    const { status, body } = await client.response();
    expect([status, JSON.parse(body)]).toEqual([404, { message: "no such network" }]);
  });
});

describe("an exec's session", () => {
  const EXEC = "/containers/a/exec";
  const json = { Cmd: ["true"], Tty: true, ConsoleSize: [24, 80] };

  function execEngine(start: (options: unknown) => Promise<FakeStdio | undefined>) {
    const exec = {
      create: async () => ({ Id: "e" }),
      start: async (_id: string, options: unknown) => await start(options),
      inspect: async () => ({ ExitCode: 7 }),
    };
    return { exec } as unknown as Parameters<typeof startTestServer>[0]; // only these are called
  }

  test("ends with the exit code", async () => {
    const stdio = new FakeStdio(true);
    const seen: unknown[] = [];
    const backends = execEngine(async (options) => {
      seen.push(options);
      return stdio;
    });
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", EXEC, { json, fields: ["Prefer: start", ...UPGRADE] });
    await client.takeTo("\r\n\r\n");
    stdio.say("out");
    stdio.finish();
    const parts = [record({ Id: "e" }), record({ Started: true }), frame(1, "out"), record({ StatusCode: 7 })];
    const all = (await client.rest()).toString("latin1");
    for (const part of parts) expect(all).toContain(part.toString("latin1"));
    expect(all.length).toBe(Buffer.concat(parts).length);
    expect(seen).toEqual([{ detach: false, tty: true, consoleSize: { height: 24, width: 80 } }]);
  });

  test("has why there is none as its output", async () => {
    const backends = execEngine(() => Promise.reject(invalid("exec: not found")));
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", EXEC, { json, fields: ["Prefer: start", ...UPGRADE] });
    await client.takeTo("\r\n\r\n");
    const all = (await client.rest()).toString("latin1");
    expect(all).toContain(frame(1, "exec: not found\r\n").toString("latin1"));
    expect(all).toEndWith(record({ StatusCode: 7 }).toString("latin1"));
  });

  test("is none when detached: it is started, and that is all", async () => {
    const seen: unknown[] = [];
    const backends = execEngine(async (options) => {
      seen.push(options);
      return undefined;
    });
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", EXEC, { json, fields: ["Prefer: start"] });
    const { status, fields, body } = await client.response();
    expect([status, fields.get("preference-applied"), body]).toEqual([201, "start", '{"Id":"e"}\n']);
    expect(seen).toEqual([{ detach: true, tty: true, consoleSize: { height: 24, width: 80 } }]);
  });
});
