import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomId, silentLogger } from "../../base/index.ts";
import { defaultNetworkConfig } from "../config.ts";
import { refusal, until } from "../testing.ts";
import { NetdProcess } from "./netd-process.ts";
import type { NetdEntry } from "./types.ts";
import { onLines, send, type Numbered } from "./wire.ts";

setDefaultTimeout(120_000);

const ADDON = process.env["BERTH_ADDON"] ?? new URL("../../../build/berth.node", import.meta.url).pathname;
const MAIN = new URL("main.ts", import.meta.url).pathname;
const SCRIPT = `
const { netdMain } = await import(${JSON.stringify(MAIN)});
process.exit(await netdMain(process.argv.slice(1)));`;

let folder: string;
let netd: NetdProcess;
const socket = () => join(folder, "netd.sock");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-netd-"));
  netd = daemonSide();
});

function daemonSide(): NetdProcess {
  return new NetdProcess({
    program: {
      command: process.execPath,
      args: ["-e", SCRIPT, "--"],
      socket: socket(),
      addon: ADDON,
      version: "of the test",
      patience: 2000,
    },
    config: defaultNetworkConfig(),
    logger: silentLogger,
  });
}

afterEach(async () => {
  await netd[Symbol.asyncDispose]();
  for (const pid of processes()) process.kill(pid, "SIGKILL");
  rmSync(folder, { recursive: true });
});

function processes(): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      return command.includes(`--socket\0${socket()}\0`) ? [Number(entry)] : [];
    } catch {
      return []; // no process, or it ended meanwhile
    }
  });
}

/** Something to serve that needs neither a namespace nor a port. */
function entry(): NetdEntry {
  const dns = { servers: [], search: [], options: [] };
  const request = { name: "test", hostname: "test", ports: {}, exposed: [], publishAll: false, dns, links: [] };
  const netnsPath = "/proc/self/ns/net";
  const container = randomId();
  const plugged = { endpoints: [], gatewayEndpoint: undefined, published: [] };
  return { sandbox: { container, request, netnsPath, ...plugged }, networks: [], relays: [] };
}

async function stopped(): Promise<number> {
  await netd.put(entry(), true);
  const [pid = 0] = processes();
  process.kill(pid, "SIGSTOP");
  return pid;
}

test("a process that does not answer is replaced", async () => {
  const pid = await stopped();
  await Promise.all([netd.put(entry(), true), netd.put(entry(), true)]);
  const now = processes();
  expect(now).toHaveLength(1);
  expect(now).not.toContain(pid);
});

test("a daemon's start does not wait for one that does not answer", async () => {
  const pid = await stopped();
  await netd[Symbol.asyncDispose]();
  netd = daemonSide();
  await netd.sync([entry()]);
  const now = processes();
  expect(now).toHaveLength(1);
  expect(now).not.toContain(pid);
});

test("a daemon's end does not wait for one that does not answer", async () => {
  const served = entry();
  await netd.put(served, true);
  const [pid = 0] = processes();
  process.kill(pid, "SIGSTOP");
  await netd.drop(served.sandbox.container);
  await netd[Symbol.asyncDispose]();
  await until("its end", () => !existsSync(`/proc/${pid}/ns/net`));
});

test("a process that refuses what it is told is let go of", async () => {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on("close", () => open.delete(client));
    onLines(client, (line) => {
      const { op, id } = line as Numbered; // written by the daemon's side
      send(client, op === "hello" ? { id, version: "of the test" } : { id, error: "no" });
    });
  });
  await new Promise<void>((resolve) => server.listen(socket(), resolve));
  expect(await refusal(netd.put(entry(), true))).toContain("refused: no");
  await until("the end of the connection", () => open.size === 0);
  server.close();
});
