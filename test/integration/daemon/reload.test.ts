import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { SystemInfo } from "../../../src/api/index.ts";
import { dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ flags: ["--log-format=json"] });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const info = async () => (await engine.api("GET", "/info")).json as SystemInfo; // the document's shape
const docker = (...args: string[]) => dockerOutput(engine, args);

/** Lines that the daemon logged since then. */
async function logLines(): Promise<Array<Record<string, unknown>>> {
  const lines = (await engine.log()).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>); // --log-format=json
}

/** Writes the configuration, sends SIGHUP and waits for the line that says how it went. */
async function reload(config: string): Promise<Record<string, unknown>> {
  const outcomes = async () =>
    (await logLines()).filter((line) => /^configuration (read again|not taken)$/.test(String(line["msg"])));
  const before = (await outcomes()).length;
  await writeFile(engine.configFile, config);
  process.kill(engine.pid, "SIGHUP");
  return await eventually("the reload", async () => (await outcomes())[before]);
}

test("every line of a json log is an object with time, level and message", async () => {
  for (const line of await logLines()) {
    expect(line).toMatchObject({ time: expect.any(String), level: expect.any(String), msg: expect.any(String) });
  }
});

test("SIGHUP takes what may change, and says so in the log, in info and as an event", async () => {
  await reload('{"debug":true,"labels":["a=b"],"insecure-registries":["registry.lan:5000"],"mtu":1400}');
  expect(await info()).toMatchObject({ Debug: true, Labels: ["a=b"] });
  expect(Object.keys((await info()).RegistryConfig?.IndexConfigs ?? {})).toContain("registry.lan:5000");
  expect(await logLines()).toContainEqual(
    expect.objectContaining({ level: "warn", msg: "options take effect at the next start", options: "mtu" }),
  );
  await engine.api("GET", "/containers/json?all=1");
  await eventually("a line of that request", async () => {
    return (await logLines()).some((line) => line["level"] === "debug" && line["path"] === "/containers/json?all=1");
  });
  const until = Math.ceil(Date.now() / 1000) + 1;
  const events = await docker("events", "--since=0", `--until=${until}`, "--filter=type=daemon", "--format={{json .}}");
  const last = JSON.parse(events.split("\n").at(-1) ?? "") as { Action: string; Actor: { Attributes: object } };
  expect(last.Action).toBe("reload");
  expect(last.Actor.Attributes).toMatchObject({ debug: "true", labels: '["a=b"]', "default-runtime": "berth" });
});

test("what was reloaded holds for new containers", async () => {
  await reload('{"default-shm-size":"8m","default-ipc-mode":"shareable","runtimes":{"other":{"path":"/bin/false"}}}');
  const id = await docker("create", "--runtime=other", "busybox:local");
  const format = "{{.HostConfig.ShmSize}} {{.HostConfig.IpcMode}} {{.HostConfig.Runtime}}";
  expect(await docker("inspect", "-f", format, id)).toBe(`${8 * 1024 * 1024} shareable other`);
  expect(Object.keys((await info()).Runtimes ?? {})).toContain("other");
});

test("a mirror is asked after it was configured", async () => {
  const asked: string[] = [];
  await using mirror = await listening(
    createServer((call, answer) => {
      asked.push(call.url ?? "");
      answer.writeHead(404).end();
    }),
  );
  await reload(JSON.stringify({ "registry-mirrors": [mirror.url] }));
  expect((await info()).RegistryConfig?.Mirrors).toEqual([mirror.url]);
  // Given up once the mirror was asked: docker.io would be next.
  const abort = new AbortController();
  const path = "/images/create?fromImage=berth-test/none&tag=latest";
  const pull = fetch(`http://engine${path}`, { method: "POST", unix: engine.socket, signal: abort.signal });
  await eventually("a question to the mirror", () => asked.some((url) => url.startsWith("/v2/")));
  abort.abort();
  await pull.then((answer) => answer.text()).catch(() => undefined); // given up
});

test.each([
  ["broken", "{"],
  ["of an unknown key", '{"no-such-key":1}'],
  ["of an unknown default runtime", '{"default-runtime":"nowhere","labels":["c=d"]}'],
])("a file that is %s leaves the running configuration as it is", async (_, file) => {
  await reload('{"labels":["kept=1"]}');
  expect(await reload(file)).toMatchObject({ level: "error", msg: "configuration not taken" });
  expect((await info()).Labels).toEqual(["kept=1"]);
});

test("SIGUSR1 writes the state as JSON that only root can read", async () => {
  process.kill(engine.pid, "SIGUSR1");
  const file = await eventually("the dump", async () => {
    const line = (await logLines()).find((each) => each["msg"] === "state written");
    return typeof line?.["file"] === "string" ? line["file"] : undefined;
  });
  expect(await readdir(engine.execRoot)).toContain(file.slice(engine.execRoot.length + 1));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const state = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>; // an object, as dumped
  expect(Object.keys(state)).toEqual(expect.arrayContaining(["version", "time", "info", "containers"]));
});

test("--log-level leaves out what is below it, and text is the default form", async () => {
  await using quiet = await startEngine({
    image: false,
    flags: ["--log-level=warn", "--host=tcp://127.0.0.1:0", "--allow-plain-tcp"],
  });
  await eventually("a warning", async () => (await quiet.log()).includes("tcp without TLS"));
  const lines = (await quiet.log()).trim().split("\n");
  for (const line of lines) expect(line).toMatch(/^time="\d{4}-.*Z" level=(warn|error) msg="/);
});

/** A server on a port of its own choice. */
async function listening(server: Server): Promise<{ url: string } & AsyncDisposable> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
