import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { apiCall } from "../../support/api.ts";
import { hasOpenssl, makeCertificates, tlsFlags } from "../../support/certificates.ts";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { run } from "../../support/process.ts";
import { listeningSocket } from "../../support/sockets.ts";
import { eventually } from "../../support/wait.ts";

/** The port that the daemon chose for its tcp listener. */
async function portOf(engine: TestEngine): Promise<number> {
  return await eventually("the tcp listener's line in the log", async () => {
    const port = /address=tcp:\/\/127\.0\.0\.1:(\d+)/.exec(await engine.log())?.[1];
    return port === undefined ? undefined : Number(port);
  });
}

/** The answer's status to a plain request that calls the host by `host`. */
function statusFor(port: number, fields: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path: "/_ping", headers: fields, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end();
  });
}

describe("the unix socket", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ image: false, flags: ["--group=daemon"] });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test("is open to root and the group, and to nobody else", async () => {
    const { mode, uid, gid } = await stat(engine.socket);
    const group = /^daemon:[^:]*:(\d+)/m.exec(await readFile("/etc/group", "utf8"))?.[1];
    expect({ mode: mode & 0o777, uid, gid }).toEqual({ mode: 0o660, uid: 0, gid: Number(group) });
  });

  test("that a killed daemon left is replaced", async () => {
    await engine.kill9();
    expect((await stat(engine.socket)).isSocket()).toBe(true);
    await engine.start();
    expect((await engine.api("GET", "/_ping")).text).toBe("OK");
  });

  test("of a living daemon is left to it", async () => {
    const other = await mkdtemp("/tmp/berth-other-");
    try {
      const flags = ["data-root", "exec-root", "pidfile"].map((name) => `--${name}=${join(other, name)}`);
      const quiet = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--config-file", engine.configFile];
      const result = await run(BERTH, ["daemon", ...flags, ...quiet, "-H", `unix://${engine.socket}`]);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`cannot listen on ${engine.socket}: another process listens there`);
      expect((await engine.api("GET", "/_ping")).text).toBe("OK");
    } finally {
      await rm(other, { recursive: true });
    }
  });
});

describe("plain tcp", () => {
  let engine: TestEngine;
  let port = 0;
  beforeAll(async () => {
    const flags = ["--host=tcp://127.0.0.1:0", "--allow-plain-tcp", "--allow-host=engine.example.org"];
    engine = await startEngine({ image: false, flags });
    port = await portOf(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test("is warned of in the log, and works", async () => {
    expect(await engine.log()).toContain('level=warn msg="tcp without TLS: who can connect is root here"');
    const result = await run("docker", ["-H", `tcp://127.0.0.1:${port}`, "version", "--format", "{{.Server.Version}}"]);
    expect([result.code, result.stderr]).toEqual([0, ""]);
  });

  test.each(["127.0.0.1", "localhost", "engine.example.org"])("answers who calls it %s", async (host) => {
    expect(await statusFor(port, { Host: `${host}:${port}` })).toBe(200);
  });

  test("does not answer web pages", async () => {
    expect(await statusFor(port, { Host: `evil.example.com:${port}` })).toBe(403);
    expect(await statusFor(port, { Host: `127.0.0.1:${port}`, Origin: "http://evil.example.com" })).toBe(403);
  });
});

describe.skipIf(!(await hasOpenssl()))("tcp with mutual TLS", () => {
  let engine: TestEngine;
  let port = 0;
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp("/tmp/berth-certificates-");
    await makeCertificates(folder);
    engine = await startEngine({ image: false, flags: ["--host=tcp://127.0.0.1:0", ...tlsFlags(folder)] });
    port = await portOf(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** A request through openssl, with this certificate or none. */
  const ask = async (certificate?: string) => {
    const own = certificate === undefined ? [] : ["-cert", `${certificate}.pem`, "-key", `${certificate}.key`];
    const args = ["s_client", "-quiet", "-connect", `127.0.0.1:${port}`, "-CAfile", "ca.pem", ...own];
    return await run("openssl", args, { cwd: folder, input: "GET /_ping HTTP/1.0\r\n\r\n" });
  };

  test("serves a client whose certificate the CA signed", async () => {
    expect((await ask("client")).stdout).toContain("Api-Version:");
    const files = ["ca", "client", "client"].map((name, at) => join(folder, `${name}.${at === 2 ? "key" : "pem"}`));
    const [ca = "", cert = "", key = ""] = files;
    const tls = ["--tlsverify", "--tlscacert", ca, "--tlscert", cert, "--tlskey", key];
    const result = await run("docker", ["-H", `tcp://127.0.0.1:${port}`, ...tls, "version"]);
    expect([result.code, result.stderr]).toEqual([0, ""]);
  });

  test.each([undefined, "stranger"])("refuses a client with the certificate %p", async (certificate) => {
    expect((await ask(certificate)).stdout).not.toContain("Api-Version:");
    expect(await statusFor(port, {}).catch(() => "refused")).not.toBe(200);
  });
});

test("sockets of a service manager are served, and stay its own", async () => {
  const folder = await mkdtemp("/tmp/berth-activation-");
  const socket = join(folder, "api.sock");
  using handed = listeningSocket(socket);
  const flags = ["data-root", "exec-root", "pidfile"].map((name) => `--${name}=${join(folder, name)}`);
  const quiet = ["--bridge=none", "--iptables=false", "--ip-forward=false", `--config-file=${folder}/daemon.json`];
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 2>"$BERTH_TEST_LOG"';
  await Bun.write(join(folder, "daemon.json"), "{}");
  const child = spawn("/bin/sh", ["-c", script, BERTH, "daemon", ...flags, ...quiet, "-H", "fd://"], {
    stdio: ["ignore", "ignore", "ignore", handed.fd],
    env: { ...process.env, BERTH_TEST_LOG: join(folder, "log") },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    // The socket is there before the daemon: the call waits in its queue.
    expect((await apiCall(socket, "GET", "/_ping", undefined)).text).toBe("OK");
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect((await stat(socket)).isSocket()).toBe(true);
  } finally {
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true });
  }
});
