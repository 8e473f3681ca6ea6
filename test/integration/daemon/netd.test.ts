import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { promisify } from "node:util";
import { dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";

setDefaultTimeout(180_000);

let engine: TestEngine;
let port: number;

beforeAll(async () => {
  engine = await startEngine();
  await docker("network", "create", "names");
  const serve = "mkdir /w; echo answer >/w/index.html; exec httpd -f -p 80 -h /w";
  await docker("run", "-d", "--name", "web", "--network", "names", "-p", "80", "busybox:local", "sh", "-c", serve);
  await docker("run", "-d", "--name", "asker", "--network", "names", "busybox:local", "sleep", "600");
  port = await hostPort();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** A random one may be another after each publishing. */
const hostPort = async () => Number(/:(\d+)/.exec(await docker("port", "web", "80/tcp"))?.[1]);
const docker = (...args: string[]) => dockerOutput(engine, args);

/** The processes that answer names for the engine. */
function netds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).includes(`netd\0--socket\0${engine.execRoot}/`))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}

const hasIpv6 = existsSync("/proc/net/if_inet6") && /^0{31}1 /m.test(readFileSync("/proc/net/if_inet6", "utf8"));

/** What the container's web server says at these addresses of the host. */
async function fetchAll(): Promise<string[]> {
  return await Promise.all((hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]).map(fetchAt));
}

function fetchAt(host: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect({ host, port }, () => socket.write("GET / HTTP/1.0\r\n\r\n"));
  socket.on("data", (data) => (text += String(data)));
  socket.on("error", reject);
  socket.on("close", () => resolve(text.trim().split("\n").at(-1) ?? ""));
  return promise;
}

/** True when a program of the host cannot have the port. */
function isTaken(host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(true));
  server.listen(port, host, () => server.close(() => resolve(false)));
  return promise;
}

const answers = () => (hasIpv6 ? ["answer", "answer"] : ["answer"]);

test("names and ports are answered while the daemon is dead, and nobody else gets the port", async () => {
  const asker = Number(await docker("inspect", "-f", "{{.State.Pid}}", "asker"));
  const address = await docker("inspect", "-f", "{{.NetworkSettings.Networks.names.IPAddress}}", "web");
  const [before] = netds();
  await engine.kill9();
  expect(await fetchAll()).toEqual(answers());
  expect(await isTaken("0.0.0.0")).toBe(true);
  if (hasIpv6) expect(await isTaken("::")).toBe(true);
  const inAsker = ["-t", String(asker), "-n", "-m", "--", "nslookup", "web"];
  expect((await promisify(execFile)("nsenter", inAsker)).stdout).toContain(address.trim());
  await engine.start();
  expect(netds()).toEqual([before ?? 0]);
  expect(await docker("exec", "asker", "nslookup", "web")).toContain(address.trim());
});

test("a netd that is killed is replaced", async () => {
  const [before = 0] = netds();
  process.kill(before, "SIGKILL");
  await eventually("another netd", async () => {
    const now = netds();
    return now.length === 1 && now[0] !== before;
  });
  expect(await fetchAll()).toEqual(answers());
  await eventually("names", async () => {
    const { code } = await engine.docker(["exec", "asker", "nslookup", "web"]);
    return code === 0;
  });
});

test("a connect that fails leaves route and ports where they were", async () => {
  await docker("network", "create", "first", "-o", "com.docker.network.bridge.host_binding_ipv4=192.0.2.1");
  // By the API: Debian's own docker CLI is too old for --gw-priority.
  const request = { Container: "web", EndpointConfig: { GwPriority: 1 } };
  const refused = await engine.api("POST", "/networks/first/connect", request);
  expect(refused.status).not.toBe(200);
  expect(refused.text).toContain("cannot assign requested address");
  port = await hostPort();
  expect(await fetchAll()).toEqual(answers());
  await docker("network", "rm", "first");
});

test("ports are free and no process is left once containers are gone", async () => {
  await docker("rm", "-f", "web", "asker");
  await eventually("free ports", async () => !(await isTaken("0.0.0.0")));
  await eventually("the end of netd", async () => netds().length === 0);
  expect(netds()).toEqual([]);
});
