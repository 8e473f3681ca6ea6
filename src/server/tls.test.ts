import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { silentLogger } from "../base/index.ts";
import { type ApiServer, createServer } from "./server.ts";
import { eventually } from "./testing/eventually.ts";
import { fakeBackends } from "./testing/fake-backends.ts";
import { FakeStdio } from "./testing/fake-stdio.ts";
import { RawClient } from "./testing/raw-client.ts";

const run = promisify(execFile);

async function hasOpenssl(): Promise<boolean> {
  try {
    await run("openssl", ["version"]);
    return true;
  } catch {
    console.log("skipped: TLS, because there is no openssl to make certificates with");
    return false;
  }
}

const available = await hasOpenssl();

describe.skipIf(!available)("TLS", () => {
  let folder = "";
  let server: ApiServer;
  let port = 0;
  let ca = "";
  const stdio = new FakeStdio(true);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `berth-tls-${process.pid}-`));
    await makeCertificates(folder);
    ca = await readFile(join(folder, "ca.crt"), "utf8");
    const backends = fakeBackends({ containers: { attach: async () => stdio } });
    server = createServer({ backends, version: "0", logger: silentLogger });
    const tls = {
      key: await readFile(join(folder, "server.key"), "utf8"),
      cert: await readFile(join(folder, "server.crt"), "utf8"),
      ca,
    };
    const listener = await server.listen({ host: "127.0.0.1", port: 0, tls });
    port = listener.port ?? 0;
  });

  afterAll(async () => {
    await server.close({ graceMs: 0 });
    await rm(folder, { recursive: true, force: true });
  });

  async function client(name: string): Promise<RawClient> {
    const key = await readFile(join(folder, `${name}.key`), "utf8");
    const cert = await readFile(join(folder, `${name}.crt`), "utf8");
    return RawClient.of(await connected({ port, ca, key, cert }));
  }

  test("a client with a certificate is served", async () => {
    using raw = await client("client");
    raw.request("GET", "/_ping");
    expect((await raw.response()).body).toBe("OK");
  });

  test("a hijacked connection carries both directions", async () => {
    using raw = await client("client");
    raw.request("POST", "/containers/a/attach?stream=1&stdin=1", { fields: ["Connection: Upgrade", "Upgrade: tcp"] });
    await raw.takeTo("\r\n\r\n");
    raw.send("typed");
    await eventually("input arrives", () => stdio.input === "typed");
    stdio.say("said");
    expect((await raw.take(4)).toString()).toBe("said");
    stdio.finish();
    await raw.rest();
  });

  test("a client with a certificate of another authority is not", async () => {
    expect(await isRefused(async () => await client("stranger"))).toBe(true);
  });

  test("a client without a certificate is not", async () => {
    expect(await isRefused(async () => RawClient.of(await connected({ port, ca })))).toBe(true);
  });
});

/** TLS 1.3 tells a client after its handshake that its certificate was refused. */
async function isRefused(make: () => Promise<RawClient>): Promise<boolean> {
  try {
    using raw = await make();
    raw.request("GET", "/_ping");
    return !(await raw.rest()).includes("OK");
  } catch {
    return true;
  }
}

async function connected(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", servername: "localhost", ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
  return socket;
}

async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2");
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "stranger.key",
    "-out",
    "stranger.crt",
    "-subj",
    "/CN=x",
    "-days",
    "2",
  );
  for (const name of ["server", "client"]) {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    await openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, ...subject);
    const sign = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy", "-days", "2"];
    await openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, ...sign);
  }
}
