import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf, sha256 } from "../base/index.ts";
import { parseChallenge } from "./challenge.ts";
import { endpointsOf, isInsecure } from "./endpoints.ts";
import { createRegistryClient, type RegistryAuth, type RegistryConfig } from "./index.ts";
import { Transport } from "./transport.ts";

setDefaultTimeout(120_000);

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** Servers of one test; each request is written down with what it carried. */
class Servers implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly #servers: http.Server[] = [];

  async listen(name: string, handler: Handler, tls?: https.ServerOptions): Promise<string> {
    const listener: Handler = (request, response) => {
      this.seen.push(`${name} ${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
      handler(request, response);
    };
    const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    return `127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }
}

let servers: Servers;
let folder: string;
beforeEach(() => {
  servers = new Servers();
  folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
});
afterEach(async () => {
  await servers[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = Buffer.from("some bytes");
const digest = sha256(bytes);
const signal = new AbortController().signal;
const SECRET: RegistryAuth = { username: "ann", password: "s3cret" };
const BASIC = `Basic ${Buffer.from("ann:s3cret").toString("base64")}`;

const client = (config: Partial<RegistryConfig> = {}) =>
  createRegistryClient({ insecure: [], mirrors: [], certificates: folder, ...config });
const at = (domain: string, auth?: RegistryAuth, config: Partial<RegistryConfig> = {}) =>
  client(config).repository({ domain, path: "a/b" }, auth, "pull");

async function read(domain: string, auth?: RegistryAuth, config: Partial<RegistryConfig> = {}): Promise<string> {
  const { body } = await at(domain, auth, config).blob(digest, 0, signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(() => "no error", messageOf);
}

const isPing = (request: http.IncomingMessage): boolean => request.url === "/v2/";
const unauthorized = (response: http.ServerResponse, challenge: string): void =>
  void response.writeHead(401, { "www-authenticate": challenge }).end();

describe("credentials", () => {
  test("are sent when the registry asks for them, not before", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (request.headers.authorization === BASIC) response.end(bytes);
      else unauthorized(response, 'Basic realm="x"');
    });
    expect(await read(host, SECRET)).toBe("some bytes");
    expect(servers.seen).toEqual([
      "registry GET /v2/ -",
      `registry GET /v2/a/b/blobs/${digest} -`,
      `registry GET /v2/a/b/blobs/${digest} ${BASIC}`,
    ]);
    expect(await failure(read(host))).toBe(`Get "http://${host}/v2/a/b/blobs/${digest}": no basic auth credentials`);
  });

  test("buy a token, which is used again", async () => {
    let realm = "";
    const host = await servers.listen("registry", (request, response) => {
      if (request.url?.startsWith("/token") === true) response.end('{"token":"t1","expires_in":300}');
      else if (request.headers.authorization === "Bearer t1") response.end(bytes);
      else unauthorized(response, `Bearer realm="${realm}",service="svc",scope="repository:a/b:pull"`);
    });
    realm = `http://${host}/token`;
    const repository = at(host, SECRET);
    for (const _ of [1, 2]) {
      for await (const chunk of (await repository.blob(digest, 0, signal)).body)
        expect(chunk.length).toBe(bytes.length);
    }
    const asked = servers.seen.filter((line) => line.includes("/token"));
    expect(asked).toEqual([`registry GET /token?service=svc&scope=repository%3Aa%2Fb%3Apull&account=ann ${BASIC}`]);
  });

  test("as an identity token are exchanged by POST", async () => {
    let realm = "";
    let form = "";
    const host = await servers.listen("registry", (request, response) => {
      if (request.url === "/token") {
        request.on("data", (chunk) => (form += String(chunk)));
        request.on("end", () => response.end('{"access_token":"t2"}'));
      } else if (request.headers.authorization === "Bearer t2") response.end(bytes);
      else unauthorized(response, `Bearer realm="${realm}",service="svc"`);
    });
    realm = `http://${host}/token`;
    expect(await read(host, { identitytoken: "refresh-me" })).toBe("some bytes");
    expect(new URLSearchParams(form).get("refresh_token")).toBe("refresh-me");
    expect(new URLSearchParams(form).get("grant_type")).toBe("refresh_token");
  });

  test("go to no realm in plain http on another host", async () => {
    const thief = await servers.listen("thief", (_, response) => response.end('{"token":"t"}'));
    const host = await servers.listen("registry", (_, response) =>
      unauthorized(response, `Bearer realm="http://${thief.replace("127.0.0.1", "localhost")}/token",service="svc"`),
    );
    expect(await failure(read(host, SECRET))).toContain("neither https nor on its own insecure host");
    expect(servers.seen.filter((line) => line.startsWith("thief"))).toEqual([]);
  });

  test("do not follow a redirect, nor answer what its target asks", async () => {
    const other = await servers.listen("other", (request, response) => {
      if (request.url === "/ask") unauthorized(response, 'Basic realm="give"');
      else response.end(bytes);
    });
    let target = "/blob";
    const host = await servers.listen("registry", (request, response) => {
      if (request.headers.authorization === undefined) unauthorized(response, 'Basic realm="x"');
      else response.writeHead(307, { location: `http://${other}${target}` }).end();
    });
    expect(await read(host, SECRET)).toBe("some bytes");
    target = "/ask";
    expect(await failure(read(host, SECRET))).toContain("unauthorized");
    expect(servers.seen.filter((line) => line.startsWith("other"))).toEqual(["other GET /blob -", "other GET /ask -"]);
  });

  test("do not go where the registry wants uploads to go on", async () => {
    const other = await servers.listen("other", (_, response) => response.writeHead(202).end());
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
      else if (request.headers.authorization === undefined) unauthorized(response, 'Basic realm="x"');
      else response.writeHead(202, { location: `http://${other}/upload` }).end();
    });
    const repository = client().repository({ domain: host, path: "a/b" }, SECRET, "push");
    async function* open(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    await failure(repository.uploadBlob({ digest, size: bytes.length }, open, signal));
    expect(servers.seen.filter((line) => line.startsWith("other"))).toEqual(["other PATCH /upload -"]);
  });

  test("are refused by login as the registry refuses them", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (request.headers.authorization === BASIC) response.end("{}");
      else unauthorized(response, 'Basic realm="x"');
    });
    expect(await client().login({ ...SECRET, serveraddress: host }, signal)).toBe("");
    expect(await failure(client().login({ username: "ann", password: "no", serveraddress: host }, signal))).toContain(
      "unauthorized",
    );
  });
});

describe("a registry that", () => {
  test("sends in circles is given up", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
      else response.writeHead(307, { location: request.url ?? "" }).end();
    });
    expect(await failure(read(host))).toContain("stopped after 10 redirects");
  });

  test("sends to another scheme is not followed", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
      else response.writeHead(307, { location: "file:///etc/passwd" }).end();
    });
    expect(await failure(read(host))).toContain("refused to follow a redirect");
  });

  test("never answers is given up", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
    });
    expect(await failure(read(host, undefined, { timeouts: { headersMs: 500 } }))).toContain(
      "Client.Timeout exceeded while awaiting headers",
    );
  });

  test("stops in the middle is given up", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
      else response.writeHead(200, { "content-length": 100 }).write("some");
    });
    expect(await failure(read(host, undefined, { timeouts: { stallMs: 500 } }))).toContain("no data for too long");
  });

  test("limits the rate says so", async () => {
    const host = await servers.listen("registry", (request, response) => {
      if (isPing(request)) response.end();
      else response.writeHead(429).end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    });
    expect(await failure(read(host))).toBe("toomanyrequests: slow down");
  });

  test("gives a token that is not enough says that access is denied", async () => {
    let realm = "";
    const host = await servers.listen("registry", (request, response) => {
      if (request.url?.startsWith("/token") === true) response.end('{"token":"weak"}');
      else if (isPing(request)) response.end();
      else {
        const error = request.headers.authorization === undefined ? "" : ',error="insufficient_scope"';
        unauthorized(response, `Bearer realm="${realm}",service="svc"${error}`);
      }
    });
    realm = `http://${host}/token`;
    expect(await failure(read(host))).toBe("denied: requested access to the resource is denied");
  });
});

describe("mirrors", () => {
  test("are asked first and get no credentials", async () => {
    const empty = await servers.listen("empty", (request, response) =>
      isPing(request) ? void response.end() : void response.writeHead(404).end(),
    );
    const full = await servers.listen("full", (_, response) => response.end(bytes));
    const mirrors = [`http://${empty}`, `http://${full}`];
    const repository = client({ mirrors }).repository({ domain: "docker.io", path: "library/x" }, SECRET, "pull");
    expect((await repository.manifest("1", signal)).digest).toBe(digest);
    expect(servers.seen).toEqual([
      "empty GET /v2/ -",
      "empty GET /v2/library/x/manifests/1 -",
      "full GET /v2/ -",
      "full GET /v2/library/x/manifests/1 -",
    ]);
  });
});

const OPENSSL = "openssl";

describe("https", () => {
  const openssl = (() => {
    try {
      execFileSync(OPENSSL, ["version"], { stdio: "ignore" });
      return true;
    } catch {
      console.log("skipped: certificates are made by openssl, which is not installed");
      return false;
    }
  })();

  const certificate = (): { key: Buffer; cert: Buffer } => {
    const make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=registry.test", "-addext", "subjectAltName=DNS:registry.test,DNS:localhost"];
    execFileSync(OPENSSL, [...make, ...names, "-keyout", "k.pem", "-out", "c.pem"], { cwd: folder, stdio: "ignore" });
    return { key: readFileSync(join(folder, "k.pem")), cert: readFileSync(join(folder, "c.pem")) };
  };
  const ask = async (
    url: string,
    insecure = false,
    transport = new Transport({ timeouts: undefined, certificates: folder }),
  ): Promise<number> => {
    const answer = await transport.send({ method: "GET", url: new URL(url), headers: {}, insecure, signal });
    answer.discard();
    return answer.status;
  };

  test.skipIf(!openssl)("wants a certificate that somebody vouches for", async () => {
    const host = (await servers.listen("registry", (_, response) => response.end(), certificate())).replace(
      "127.0.0.1",
      "localhost",
    );
    expect(await failure(ask(`https://${host}/v2/`))).toBe(
      `Get "https://${host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    );
    expect(await ask(`https://${host}/v2/`, true)).toBe(200);
    mkdirSync(join(folder, host));
    copyFileSync(join(folder, "c.pem"), join(folder, host, "ca.crt"));
    expect(await ask(`https://${host}/v2/`)).toBe(200);
  });

  test.skipIf(!openssl)("takes the certificates that are there at the time, whole pairs only", async () => {
    const listening = await servers.listen("registry", (_, response) => response.end(), certificate());
    const host = listening.replace("127.0.0.1", "localhost");
    const transport = new Transport({ timeouts: undefined, certificates: folder });
    const asked = () =>
      ask(`https://${host}/v2/`, false, transport).then(String, (error: unknown) =>
        error instanceof Error ? error.message : "",
      );
    expect(await asked()).toContain("certificate signed by unknown authority");
    mkdirSync(join(folder, host));
    copyFileSync(join(folder, "c.pem"), join(folder, host, "ca.crt"));
    expect(await asked()).toBe("200");
    copyFileSync(join(folder, "c.pem"), join(folder, host, "client.cert"));
    expect(await asked()).toBe(
      "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
    );
    copyFileSync(join(folder, "k.pem"), join(folder, host, "client.key"));
    expect(await asked()).toBe("200");
    rmSync(join(folder, host, "client.cert"));
    expect(await asked()).toBe("missing client certificate client.cert for key client.key");
  });

  const bundle = "/etc/ssl/certs/ca-certificates.crt";
  const mountable = openssl && process.getuid?.() === 0 && existsSync(bundle);
  test.skipIf(!mountable)("trusts whom the machine trusts", async () => {
    const listening = await servers.listen("registry", (_, response) => response.end(), certificate());
    const url = `https://${listening.replace("127.0.0.1", "localhost")}/v2/`;
    const script = `
      import { Transport } from ${JSON.stringify(join(import.meta.dirname, "transport.ts"))};
      const transport = new Transport({ timeouts: undefined, certificates: "/nonexistent" });
      const signal = new AbortController().signal;
      const url = new URL(${JSON.stringify(url)});
      const { status } = await transport.send({ method: "GET", url, headers: {}, insecure: false, signal });
      console.log(status);
      process.exit();`;
    const asked = (prepare: string) =>
      promisify(execFile)("unshare", ["-m", "sh", "-c", `${prepare} exec "$@"`, "sh", process.execPath, "-e", script], {
        env: { PATH: process.env["PATH"] ?? "" },
      }).then(
        ({ stdout }) => stdout,
        (error: unknown) => String(error),
      );
    expect(await asked("")).toContain("certificate signed by unknown authority");
    expect(await asked(`mount --bind ${join(folder, "c.pem")} ${bundle} &&`)).toBe("200\n");
  });

  test.skipIf(!openssl)("is tried first where plain http is allowed", async () => {
    const host = await servers.listen("registry", (_, response) => response.end(bytes), certificate());
    expect(await read(host)).toBe("some bytes");
  });

  test("is not taken for plain http", async () => {
    const host = await servers.listen("registry", (_, response) => response.end());
    expect(await failure(ask(`https://${host}/v2/`))).toBe(
      `Get "https://${host}/v2/": http: server gave HTTP response to HTTPS client`,
    );
  });
});

describe("where a registry is", () => {
  const places = (domain: string, config: Partial<RegistryConfig> = {}): string[] =>
    endpointsOf(domain, { insecure: [], mirrors: [], ...config }).map(
      ({ base, insecure }) => `${base.href} ${insecure}`,
    );

  test("plain http is for this host and the insecure list", () => {
    expect(places("example.com")).toEqual(["https://example.com/ false"]);
    expect(places("localhost:5000")).toEqual(["https://localhost:5000/ true", "http://localhost:5000/ true"]);
    expect(places("127.3.2.1")).toEqual(["https://127.3.2.1/ true", "http://127.3.2.1/ true"]);
    expect(places("example.com:5000", { insecure: ["example.com:5000"] })).toHaveLength(2);
    expect(places("10.1.2.3:5000", { insecure: ["10.0.0.0/8"] })).toHaveLength(2);
    expect(places("docker.io", { mirrors: ["https://mirror.test/x"] })).toEqual([
      "https://mirror.test/x false",
      "https://registry-1.docker.io/ false",
    ]);
  });

  test("the list is read exactly", () => {
    expect(isInsecure("11.1.2.3", ["10.0.0.0/8"])).toBe(false);
    expect(isInsecure("127.0.0.1.evil.test", [])).toBe(false);
    expect(isInsecure("localhost.evil.test", [])).toBe(false);
    expect(isInsecure("[::1]:5000", [])).toBe(true);
    expect(isInsecure("[fd00::1]:5000", ["fd00::/8"])).toBe(true);
    expect(isInsecure("example.com:5001", ["example.com:5000"])).toBe(false);
    expect(isInsecure("example.com:5001", ["example.com"])).toBe(true);
  });
});

test("challenges are read", () => {
  const read = (header: string) => {
    const challenge = parseChallenge(header);
    return challenge === undefined ? undefined : [challenge.scheme, Object.fromEntries(challenge.parameters)];
  };
  expect(read('Bearer realm="https://a/token",service="s",scope="repository:x:pull,push"')).toEqual([
    "bearer",
    { realm: "https://a/token", service: "s", scope: "repository:x:pull,push" },
  ]);
  expect(read('Basic realm="a \\"quoted\\" name"')).toEqual(["basic", { realm: 'a "quoted" name' }]);
  expect(read("Negotiate")).toBeUndefined();
});
