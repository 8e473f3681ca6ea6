import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, sha256 } from "../base/index.ts";
import { parseChallenge } from "./challenge.ts";
import { createRegistryClient, type RegistryAuth, type RegistryConfig } from "./index.ts";
import { redirectTarget } from "./transport.ts";

/** What a registry, its token server, or whoever stands between may try. Bytes that lie are tried by the image layer. */

setDefaultTimeout(120_000);

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

let folder: string;
const open: { close(): void }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-hostile-"));
});
afterEach(() => {
  for (const each of open.splice(0)) each.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Serves as `handler` says, behind a registry's greeting; every request is written down with its credentials. */
async function serve(handler: Handler): Promise<{ host: string; seen: string[] }> {
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    if (request.url === "/v2/") response.end("{}");
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen }; // it listens on TCP
}

/** Answers each connection with these bytes, whatever is asked. */
async function serveRaw(bytes: string): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(server);
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
}

const { signal } = new AbortController();
const SECRET: RegistryAuth = { username: "ann", password: "s3cret" };
const at = (
  domain: string,
  auth?: RegistryAuth,
  config: Partial<RegistryConfig> = {},
  access: "pull" | "push" = "pull",
) =>
  createRegistryClient({ insecure: [], mirrors: [], certificates: folder, ...config }).repository(
    { domain, path: "a/b" },
    auth,
    access,
  );
const failure = (work: Promise<unknown>) => work.then(() => "no error", messageOf);
const challenge = (response: http.ServerResponse, text: string) =>
  void response.writeHead(401, { "www-authenticate": text }).end();

describe("an answer", () => {
  test.each([
    ["that is no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["that is nothing", ""],
    ["with a header without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}`],
    ["with two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"],
    ["with a length that is none", "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nxx"],
  ])("%s is an error that names the request", async (_, bytes) => {
    const host = await serveRaw(bytes);
    const said = await failure(at(host).manifest("1", signal));
    expect(said).toStartWith(`Get "http://${host}/v2/`);
  });

  test("whose Docker-Content-Digest lies is known by its bytes", async () => {
    const { host } = await serve((_, response) =>
      response.writeHead(200, { "docker-content-digest": `sha256:${"0".repeat(64)}` }).end("{}"),
    );
    expect((await at(host).manifest("1", signal)).digest).toBe(sha256("{}"));
    expect(await failure(at(host).manifest(`sha256:${"0".repeat(64)}`, signal))).toBe(
      `manifest verification failed for digest sha256:${"0".repeat(64)}: got ${sha256("{}")}`,
    );
  });

  test("that says no more than its headers is given up by who asked", async () => {
    const asked = Promise.withResolvers<void>();
    const { host } = await serve(() => asked.resolve());
    const stop = new AbortController();
    const said = failure(at(host).manifest("1", stop.signal));
    await asked.promise;
    stop.abort(new Error("enough"));
    expect(await said).toBe("enough");
  });

  test("of an error without end is cut off", async () => {
    const { host } = await serve((_, response) => void response.writeHead(500).end("x".repeat(1_000_000)));
    expect(await failure(at(host).manifest("1", signal))).toBe(
      `reading /v2/a/b/manifests/1 from ${host}: the answer is larger than 65536 bytes`,
    );
  });
});

describe("a list of tags", () => {
  test("with a next page after each ends, also when there is nothing on them", async () => {
    const { host, seen } = await serve((request, response) =>
      response.writeHead(200, { link: `<${request.url}>; rel="next"` }).end('{"tags":[]}'),
    );
    expect(await at(host).tags(signal)).toEqual([]);
    expect(seen.length).toBe(1001);
  });

  test("goes on at no other host", async () => {
    const other = await serve((_, response) => response.end('{"tags":["theirs"]}'));
    const { host } = await serve((_, response) =>
      response.writeHead(200, { link: `<http://${other.host}/v2/a/b/tags/list>; rel="next"` }).end('{"tags":["own"]}'),
    );
    expect(await at(host).tags(signal)).toEqual(["own"]);
    expect(other.seen).toEqual([]);
  });

  test("that is no JSON is an error that names it", async () => {
    const { host } = await serve((_, response) => response.end("<html>"));
    expect(await failure(at(host).tags(signal))).toStartWith(
      `reading /v2/a/b/tags/list from ${host}: the answer is no JSON: `,
    );
  });
});

describe("a token server", () => {
  /** A registry that sends to `/token` of itself, which answers so. */
  async function registryWith(token: Handler): Promise<{ host: string; seen: string[] }> {
    let own = "";
    const registry = await serve((request, response) => {
      if (request.url?.startsWith("/token") === true) token(request, response);
      else challenge(response, `Bearer realm="http://${own}/token",service="svc"`);
    });
    own = registry.host;
    return registry;
  }

  test.each<[string, Handler, RegExp]>([
    ["without a token", (_, response) => response.end("{}"), /authorization server did not include a token/],
    ["that talks of something else", (_, response) => response.end("<html>"), /did not include a token/],
    ["with a token of another type", (_, response) => response.end('{"token":{}}'), /did not include a token/],
    ["without end", (_, response) => response.end("x".repeat(2_000_000)), /larger than 1048576 bytes/],
    ["that fails", (_, response) => response.writeHead(503).end("later"), /unexpected HTTP status: 503: later/],
    ["that drops", (_, response) => void response.socket?.destroy(), /^Get "http:.*\/token/],
  ])("%s is an error", async (_, token, said) => {
    const { host } = await registryWith(token);
    expect(await failure(at(host, SECRET).manifest("1", signal))).toMatch(said);
  });

  test("that never answers is given up", async () => {
    const { host } = await registryWith(() => undefined);
    const config = { timeouts: { headersMs: 500 } };
    expect(await failure(at(host, SECRET, config).manifest("1", signal))).toContain("Client.Timeout exceeded");
  });

  test("that sends elsewhere does not get the password there", async () => {
    const other = await serve((_, response) => response.end('{"token":"theirs"}'));
    const { host, seen } = await registryWith((_, response) =>
      response.writeHead(307, { location: `http://${other.host}/token` }).end(),
    );
    await failure(at(host, SECRET).manifest("1", signal));
    expect(seen.some((line) => line.startsWith("GET /token") && line.includes("Basic "))).toBe(true);
    expect(other.seen).toEqual(["GET /token -"]);
  });

  test.each(["", "nonsense", "file:///etc/shadow", "javascript:alert(1)", "http://localhost:1/token"])(
    "at %p is not asked",
    async (realm) => {
      const { host } = await serve((_, response) => challenge(response, `Bearer realm="${realm}",service="svc"`));
      expect(await failure(at(host, SECRET).manifest("1", signal))).toMatch(
        /invalid registry address|neither https nor/,
      );
    },
  );
});

describe("a challenge", () => {
  test.each([
    "Bearer",
    'Bearer realm="https://a',
    'Basic realm="\\',
    `Bearer ${'x="y",'.repeat(50_000)}`,
    `Bearer realm="${"\\".repeat(100_001)}`,
    "Digest nonce=1, Bearer realm=x",
    ",,,",
    "\0",
  ])("of garbage is read at once (for minutes where reading is not linear), or not at all: %.20p", (text) => {
    expect(["basic", "bearer", undefined]).toContain(parseChallenge(text)?.scheme);
  });

  test("that comes again and again is answered once", async () => {
    const { host, seen } = await serve((_, response) => challenge(response, 'Basic realm="again"'));
    expect(await failure(at(host, SECRET).manifest("1", signal))).toBe("unauthorized: authentication required");
    expect(seen.filter((line) => line.includes("manifests"))).toHaveLength(2);
  });
});

describe("a redirect", () => {
  const target = (from: string, to: string, insecure = false) =>
    failure((async () => redirectTarget(new URL(from), to, insecure))());

  test("does not lead from https to plain http, unless that is spoken anyway", async () => {
    expect(await target("https://a.test/x", "http://a.test/x")).toContain("from https to http");
    expect(await target("https://a.test/x", "http://a.test/x", true)).toBe("no error");
    expect(await target("http://a.test/x", "http://b.test/x")).toBe("no error");
  });

  test.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.169.254]/",
  ])("does not lead to %p, which only this machine can ask", async (to) => {
    expect(await target("http://a.test/x", to)).toContain("refused to follow a redirect: to ");
    expect(redirectTarget(new URL(to), "/further", false).pathname).toBe("/further");
  });

  test("to nowhere is refused", async () => {
    for (const to of ["http://", "ftp://a.test/", "data:,x", "http://a b/"])
      expect(await target("http://a.test/", to)).toContain("refused to follow a redirect: ");
  });
});

describe("an upload that is to go on", () => {
  const bytes = Buffer.from("some bytes");
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const upload = async (location: string | undefined) => {
    const { host, seen } = await serve((_, response) =>
      response.writeHead(202, location === undefined ? {} : { location }).end(),
    );
    const blob = { digest: sha256(bytes), size: bytes.length };
    return { said: await failure(at(host, undefined, {}, "push").uploadBlob(blob, body, signal)), seen };
  };

  test("nowhere, or by another protocol, is refused", async () => {
    expect((await upload(undefined)).said).toBe("the registry named no place to upload to");
    for (const location of ["file:///etc/passwd", "http://169.254.169.254/", "http://["]) {
      const { said, seen } = await upload(location);
      expect(said).toContain("refused to follow a redirect: ");
      expect(seen.filter((line) => line.startsWith("PATCH"))).toEqual([]);
    }
  });
});
