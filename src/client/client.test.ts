import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../test/support/wait.ts";
import { chunksOf, Client, demultiplex, jsonLines, parseHost, progress, readText } from "./index.ts";

/** A server that answers each request by a script; requests are handed to it as text. */
type Script = (request: string, socket: Socket, count: number) => void;

let folder: string;
let server: Server;
let requests: string[];
let connections: number;
const open = new Set<Socket>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-client-"));
  requests = [];
  connections = 0;
});

afterEach(async () => {
  for (const socket of open) socket.destroy();
  open.clear();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function serve(script: Script): Promise<Client> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++;
    open.add(socket);
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = requestEnd(text); end !== -1; end = requestEnd(text)) {
        const request = text.slice(0, end);
        text = text.slice(end);
        requests.push(request);
        script(request, socket, requests.length);
      }
    });
  });
  const path = join(folder, "s.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return new Client({ endpoint: parseHost(`unix://${path}`) });
}

/** Where a request with Content-Length ends; -1 when it is not whole. */
function requestEnd(text: string): number {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return -1;
  const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  return text.length >= head + 4 + length ? head + 4 + length : -1;
}

/** What a promise fails with. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return undefined;
}

function answer(socket: Socket, status: string, body: string, headers = ""): void {
  socket.write(
    `HTTP/1.1 ${status}\r\nApi-Version: 1.51\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`,
  );
}

describe("requests", () => {
  test("JSON comes back, on one connection for all", async () => {
    const client = await serve((_request, socket) => answer(socket, "200 OK", '{"a":1}'));
    expect(await client.json<unknown>("GET", "/a")).toEqual({ a: 1 });
    expect(
      await client.json<unknown>("POST", "/b", {
        json: { x: "é" },
        query: { z: true, b: false, l: ["1", "2"], n: 0, e: "" },
      }),
    ).toEqual({ a: 1 });
    expect(connections).toBe(1);
    expect(requests[1]).toStartWith("POST /v1.51/b?l=1&l=2&n=0&z=1 HTTP/1.1\r\n");
    expect(Buffer.from(requests[1] ?? "", "latin1").toString()).toEndWith('\r\n\r\n{"x":"é"}');
    client.close();
  });

  test("a connection that was opened ahead is used first", async () => {
    const client = await serve((_request, socket) => answer(socket, "200 OK", "1"));
    client.warm();
    client.warm();
    await eventually("the connection", async () => connections === 1);
    expect(await client.json<number>("GET", "/a")).toBe(1);
    expect(connections).toBe(1);
    client.warm();
    await eventually("another one", async () => connections === 2);
    client.close();
  });

  test("a connection that was opened ahead and closed by the engine is not used", async () => {
    let refusing = true;
    const client = await serve((_request, socket) => answer(socket, "200 OK", "1"));
    server.prependListener("connection", (socket: Socket) => {
      if (refusing) socket.destroy();
    });
    client.warm();
    await eventually("the connection", async () => connections === 1);
    refusing = false;
    await eventually("an answer", () => client.json<number>("GET", "/a").catch(() => undefined));
    expect(connections).toBe(2);
    client.close();
  });

  test("what could not be opened ahead is told by the request", async () => {
    await serve(() => undefined);
    const client = new Client({ endpoint: parseHost(`unix://${join(folder, "none")}`) });
    client.warm();
    const failure = await failureOf(client.request("GET", "/a"));
    expect(String(failure)).toContain("Cannot connect to the Docker daemon at unix://");
    client.close();
  });

  test("chunked bodies in any pieces are joined", async () => {
    const client = await serve((_request, socket) => {
      const text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
      for (const byte of Buffer.from(text)) socket.write(Buffer.of(byte));
    });
    expect(await readText((await client.request("GET", "/a")).body)).toBe("hello world");
    expect(await readText((await client.request("GET", "/a")).body)).toBe("hello world");
    expect(connections).toBe(1);
  });

  test("a body without length ends with the connection", async () => {
    const client = await serve((_request, socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it"));
    expect(await readText((await client.request("GET", "/a")).body)).toBe("all of it");
  });

  test("a streamed body is sent chunked", async () => {
    let seen = "";
    const client = await serve((request, socket) => {
      if (request.startsWith("HEAD")) {
        socket.write("HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\n\r\n");
        socket.on("data", (chunk) => {
          seen += chunk.toString();
          if (seen.endsWith("0\r\n\r\n")) answer(socket, "200 OK", "");
        });
      }
    });
    async function* body() {
      yield new TextEncoder().encode("abc");
      yield new TextEncoder().encode("defgh");
    }
    await client.send("POST", "/images/load", { body: body() });
    expect(seen).toContain("3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n");
  });
});

describe("errors", () => {
  test("the engine's message is shown as Docker shows it", async () => {
    const client = await serve((_request, socket) =>
      answer(socket, "404 Not Found", '{"message":"No such container: x"}\n'),
    );
    expect(await failureOf(client.json("GET", "/x"))).toMatchObject({
      message: "Error response from daemon: No such container: x",
      status: 404,
      detail: "No such container: x",
    });
  });

  test("plain text will do", async () => {
    const client = await serve((_request, socket) => answer(socket, "500 Oops", "broken\n"));
    expect(String(await failureOf(client.json("GET", "/x")))).toContain("Error response from daemon: broken");
  });

  test("a connection that ends early is an error", async () => {
    const client = await serve((_request, socket) => socket.end());
    expect(String(await failureOf(client.json("GET", "/x")))).toContain("error during connect: Get");
  });

  test("what is no HTTP is refused", async () => {
    const client = await serve((_request, socket) => socket.end("SSH-2.0-x\r\n\r\n"));
    expect(String(await failureOf(client.json("GET", "/x")))).toContain("malformed HTTP response");
  });

  test("an endless head is refused", async () => {
    const client = await serve((_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(200_000)}`);
    });
    expect(String(await failureOf(client.json("GET", "/x")))).toContain("head is too long");
  });

  test("a cancelled request ends at once", async () => {
    const aborter = new AbortController();
    const client = await serve(() => aborter.abort(new Error("enough")));
    expect(String(await failureOf(client.json("GET", "/x", { signal: aborter.signal })))).toContain("enough");
  });

  test("no engine", async () => {
    await serve(() => undefined);
    const client = new Client({ endpoint: parseHost(`unix://${folder}/nothing`) });
    expect(String(await failureOf(client.json("GET", "/x")))).toContain(
      `Cannot connect to the Docker daemon at unix://${folder}/nothing. Is the docker daemon running?`,
    );
  });
});

describe("the API version", () => {
  test("goes down to what an older engine names, without a round trip of its own", async () => {
    const client = await serve((request, socket) => {
      if (request.includes("/v1.51/")) {
        const message = "client version 1.51 is too new. Maximum supported API version is 1.43";
        answer(socket, "400 Bad Request", JSON.stringify({ message }));
      } else answer(socket, "200 OK", "[]");
    });
    expect(await client.json<unknown>("GET", "/containers/json")).toEqual([]);
    expect(await client.json<unknown>("GET", "/containers/json")).toEqual([]);
    expect(requests.map((request) => request.split(" ")[1])).toEqual([
      "/v1.51/containers/json",
      "/v1.43/containers/json",
      "/v1.43/containers/json",
    ]);
  });

  test("stays when it was fixed", async () => {
    const first = await serve((_request, socket) =>
      answer(
        socket,
        "400 Bad Request",
        '{"message":"client version 1.60 is too new. Maximum supported API version is 1.43"}',
      ),
    );
    const client = new Client({ endpoint: first.endpoint, apiVersion: "1.60" });
    expect(String(await failureOf(client.json("GET", "/x")))).toContain("too new");
    expect(requests).toHaveLength(1);
  });
});

describe("raw streams", () => {
  test("half-close ends input, output goes on, frames are taken apart", async () => {
    const frame = (stream: number, text: string) => {
      const header = Buffer.alloc(8);
      header[0] = stream;
      header.writeUInt32BE(Buffer.byteLength(text), 4);
      return Buffer.concat([header, Buffer.from(text)]);
    };
    let input = "";
    const client = await serve((request, socket) => {
      expect(request).toContain("Upgrade: tcp\r\n");
      // The first bytes come with the head
      socket.write(
        Buffer.concat([
          Buffer.from("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
          frame(1, "early "),
        ]),
      );
      socket.removeAllListeners("data");
      socket.on("data", (chunk) => (input += chunk.toString()));
      socket.on("end", () => {
        const all = Buffer.concat([frame(2, "oops"), frame(1, `got ${input}`)]);
        for (const byte of all) socket.write(Buffer.of(byte));
        socket.end();
      });
    });
    const stream = await client.hijack("/containers/x/attach");
    await stream.write(Buffer.from("hello"));
    stream.end();
    const seen = { out: "", err: "" };
    await demultiplex(chunksOf(stream), {
      stdout: async (bytes) => void (seen.out += Buffer.from(bytes).toString()),
      stderr: async (bytes) => void (seen.err += Buffer.from(bytes).toString()),
    });
    expect(seen).toEqual({ out: "early got hello", err: "oops" });
  });

  test("a refusal is an error, not a stream", async () => {
    const client = await serve((_request, socket) =>
      answer(socket, "409 Conflict", '{"message":"container x is not running"}'),
    );
    expect(String(await failureOf(client.hijack("/containers/x/attach")))).toContain("container x is not running");
  });

  test("what is not framed is refused", async () => {
    await serve(() => undefined);
    async function* chunks() {
      yield new TextEncoder().encode("not framed at all");
    }
    const nowhere = async () => undefined;
    expect(String(await failureOf(demultiplex(chunks(), { stdout: nowhere, stderr: nowhere })))).toContain(
      "Unrecognized input header: 110",
    );
  });

  test("much goes both ways", async () => {
    const size = 8 << 20;
    let received = 0;
    const client = await serve((_request, socket) => {
      socket.write("HTTP/1.1 101 UPGRADED\r\n\r\n");
      socket.removeAllListeners("data");
      socket.on("data", (chunk) => (received += chunk.length));
      socket.on("end", () => socket.end(Buffer.alloc(size, 1)));
    });
    const stream = await client.hijack("/x");
    await stream.write(Buffer.alloc(size));
    stream.end();
    let back = 0;
    for await (const chunk of chunksOf(stream)) back += chunk.length;
    expect([received, back]).toEqual([size, size]);
  });
});

describe("what is made and started in one go", () => {
  const frame = (stream: number, text: string) =>
    Buffer.concat([Buffer.of(stream, 0, 0, 0, 0, 0, 0, text.length), Buffer.from(text)]);

  test("becomes a session, in whatever pieces it comes", async () => {
    const client = await serve((request, socket) => {
      expect(request).toContain('Upgrade: tcp\r\nPrefer: start; detach-keys="ctrl-x"\r\n');
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
      for (const byte of Buffer.concat([frame(4, '{"Id":"x"}\n'), frame(1, "out"), frame(4, '{"Started":true}\n')]))
        socket.write(Buffer.of(byte));
      socket.end();
    });
    const begun = await client.begin<{ Id: string }>("/c", { json: {}, attach: true, detachKeys: "ctrl-x" });
    expect([begun.made, begun.started]).toEqual([{ Id: "x" }, true]);
    if (begun.session === undefined) throw new Error("no session");
    const seen = { out: "", records: "" };
    await demultiplex(chunksOf(begun.session), {
      stdout: async (bytes) => void (seen.out += Buffer.from(bytes).toString()),
      stderr: async () => undefined,
      record: (bytes) => void (seen.records += Buffer.from(bytes).toString()),
    });
    expect(seen).toEqual({ out: "out", records: '{"Started":true}\n' });
  });

  test("is only made by an engine that does not know how", async () => {
    const client = await serve((_request, socket) => answer(socket, "201 Created", '{"Id":"x"}'));
    const begun = await client.begin<unknown>("/c", { json: {}, attach: true });
    expect(begun).toEqual({ made: { Id: "x" }, started: false, session: undefined });
    expect(await client.json<unknown>("GET", "/a")).toEqual({ Id: "x" });
    expect(connections).toBe(1);
    client.close();
  });

  test("is started without a session when nothing is attached", async () => {
    const client = await serve((request, socket) => {
      expect(request).not.toContain("Upgrade");
      answer(socket, "201 Created", '{"Id":"x"}', "Preference-Applied: start\r\n");
    });
    const begun = await client.begin<unknown>("/c", { json: {}, attach: false });
    expect(begun).toEqual({ made: { Id: "x" }, started: true, session: undefined });
    client.close();
  });

  test("that breaks off at its beginning is an error", async () => {
    const client = await serve((_request, socket) => socket.end("HTTP/1.1 101 UPGRADED\r\n\r\nabc"));
    expect(String(await failureOf(client.begin("/c", { json: {}, attach: true })))).toContain("unexpected EOF");
  });

  test("records are no part of a stream that is no session", async () => {
    await serve(() => undefined);
    async function* chunks() {
      yield frame(4, "{}");
    }
    const nowhere = async () => undefined;
    expect(String(await failureOf(demultiplex(chunks(), { stdout: nowhere, stderr: nowhere })))).toContain(
      "Unrecognized input header: 4",
    );
  });
});

describe("records", () => {
  async function* pieces(text: string) {
    for (const byte of new TextEncoder().encode(text)) yield Uint8Array.of(byte);
  }

  test("one a line, in whatever pieces they come", async () => {
    const found: unknown[] = [];
    for await (const record of jsonLines(pieces('{"a":"é"}\r\n\n{"b":2}'))) found.push(record);
    expect(found).toEqual([{ a: "é" }, { b: 2 }]);
    await serve(() => undefined);
  });

  test("a reported error ends progress", async () => {
    await serve(() => undefined);
    const all = async () => {
      for await (const _record of progress(
        pieces('{"status":"x"}\n{"errorDetail":{"message":"no such thing"},"error":"no such thing"}\n'),
      ))
        continue;
    };
    expect(String(await failureOf(all()))).toContain("no such thing");
  });
});

describe("hosts", () => {
  const cases: [text: string, host: string, base: string][] = [
    ["unix:///a/b.sock", "unix:///a/b.sock", ""],
    ["tcp://host", "tcp://host:2375", ""],
    ["tcp://host:1/a/", "tcp://host:1/a", "/a"],
    ["tcp://[::1]:5", "tcp://[::1]:5", ""],
    ["tcp://:5", "tcp://localhost:5", ""],
    ["host:5", "tcp://host:5", ""],
    ["https://host", "tcp://host:2376", ""],
  ];
  for (const [text, host, base] of cases) {
    test(text, async () => {
      await serve(() => undefined);
      const endpoint = parseHost(text);
      expect([endpoint.host, endpoint.basePath]).toEqual([host, base]);
    });
  }
  test("others are refused", async () => {
    await serve(() => undefined);
    for (const text of ["foo://x", "tcp://host:x", "tcp://host:99999", "ssh://x:port"])
      expect(() => parseHost(text)).toThrow();
  });
});
