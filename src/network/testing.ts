/** Fixtures for this layer's integration tests: a service of its own names and subnets, and processes in namespaces. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EndpointSettings } from "../api/index.ts";
import { randomId, silentLogger } from "../base/index.ts";
import type { ContainerId } from "../base/index.ts";
import { createStore } from "../store/index.ts";
import type { Store } from "../store/index.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_V6ONLY,
  loadNative,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_STREAM,
  socketAddress,
  SOL_SOCKET,
} from "../sys/index.ts";
import { defaultNetworkConfig } from "./config.ts";
import type { NetworkConfig } from "./config.ts";
import { createNetworkService } from "./create-service.ts";
import { encodeName, TYPE } from "./netd/dns/wire.ts";
import { LocalNetd } from "./netd/local-netd.ts";
import type { ContainerNetworking, HeldPort, NetworkService, NetworkTask, PortSupervisor } from "./types.ts";

const run = promisify(execFile);

let instances = 0;

export interface PublishedEvent {
  type: string;
  action: string;
  id: string;
  attributes: Record<string, string>;
}

/** One daemon's worth of networks, by names that no other process or test uses. */
export class TestHost {
  readonly folder: string;
  readonly tag: string;
  readonly config: NetworkConfig;
  readonly events: PublishedEvent[] = [];
  readonly #children: ChildProcess[] = [];
  #store: Store | undefined;

  /** @param folder of a host that another process made, whose whole configuration is given then. */
  constructor(config: Partial<NetworkConfig> = {}, folder?: string) {
    this.folder = folder ?? mkdtempSync(join(tmpdir(), "berth-network-"));
    const number = instances++;
    this.tag = `${process.pid.toString(36)}${number.toString(36)}`;
    // 10.128.0.0/9 in parts by process and instance: pools of two test processes never meet.
    const block = (process.pid * 16 + number) % 32768;
    const base = `10.${128 + (block >> 8)}.${block & 255}.0`;
    writeFileSync(join(this.folder, "resolv.conf"), "nameserver 192.0.2.53\nsearch test.invalid\n");
    this.config = {
      ...defaultNetworkConfig(),
      instance: `berth-test-${this.tag}`,
      bridgePrefix: `b${this.tag}-`,
      bridgeName: `b${this.tag}`,
      bip: undefined,
      pools: [{ base: `${base}/24`, size: 27 }],
      resolvConf: join(this.folder, "resolv.conf"),
      ...config,
    };
  }

  /** The service over this host's store; another call is the daemon's next start. */
  async start(): Promise<NetworkService> {
    // One daemon at a time owns the state file.
    this.#store?.[Symbol.dispose]();
    this.#store = createStore({ path: join(this.folder, "state.db"), logger: silentLogger });
    return createNetworkService({
      native: loadNative(),
      store: this.#store,
      events: { subscribers: 0, publish: (event) => void this.events.push(event), subscribe: () => neverAny() },
      config: this.config,
      netd: new LocalNetd({ native: loadNative(), config: this.config, logger: silentLogger }),
      logger: silentLogger,
    });
  }

  /** A process that only holds a new network namespace. */
  async task(): Promise<TestTask> {
    const child = await this.background("unshare", ["-n", "sh", "-c", "echo ready; exec sleep 100000"]);
    const pid = child.pid ?? 0;
    return { id: randomId(), pid, netnsPath: `/proc/${pid}/ns/net`, ports: new LocalPorts(), child };
  }

  /** What a test leaves behind is taken away: its tasks, the service with all that it made, and the folder. */
  async end(service: NetworkService | undefined): Promise<void> {
    await this.#endTasks();
    await service?.uninstall();
    await service?.[Symbol.asyncDispose]();
    this.#removeFolder();
  }

  /** Starts a program and waits for its first output; `end` ends it. */
  async background(command: string, args: string[]): Promise<ChildProcess> {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`${command} ${args.join(" ")} ended early`)));
    });
    return child;
  }

  /** Kills the tasks and waits for their ends. */
  async #endTasks(): Promise<void> {
    const running = this.#children.splice(0).filter((child) => child.exitCode === null && child.signalCode === null);
    await Promise.all(
      running.map((child) => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        return ended;
      }),
    );
  }

  #removeFolder(): void {
    this.#store?.[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function* neverAny(): AsyncGenerator<never> {}

/** Holds ports in this process, as a supervisor does in its own. */
export class LocalPorts implements PortSupervisor {
  readonly #native = loadNative();
  readonly #held = new Set<number>();

  async holdPort(address: Uint8Array, protocol: number, port: number, listens: boolean): Promise<HeldPort> {
    const ipv6 = address.length === 16;
    const type = protocol === IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    const descriptor = this.#native.socket(ipv6 ? AF_INET6 : AF_INET, type, protocol);
    try {
      if (ipv6) this.#native.setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, Buffer.from([1, 0, 0, 0]));
      if (listens) this.#native.setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]));
      this.#native.bind(descriptor, socketAddress(Buffer.from(address), port));
      if (listens) this.#native.listen(descriptor, 128);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    this.#held.add(descriptor);
    return { pid: process.pid, descriptor };
  }

  async releasePorts(descriptors: readonly number[] | undefined): Promise<void> {
    for (const descriptor of descriptors ?? this.#held) if (this.#held.delete(descriptor)) closeSync(descriptor);
  }
}

export interface TestTask extends NetworkTask {
  id: ContainerId;
  pid: number;
  child: ChildProcess;
}

/** What the container layer would send. */
export function networking(
  task: TestTask,
  name: string,
  more: Partial<ContainerNetworking> & { endpoints: Record<string, EndpointSettings> },
): ContainerNetworking {
  return {
    id: task.id,
    name,
    hostname: task.id.slice(0, 12),
    ports: {},
    exposed: [],
    publishAll: false,
    dns: { servers: [], search: [], options: [] },
    links: [],
    ...more,
  };
}

/** The output of a program in a task's network namespace. */
export async function inside(task: TestTask, ...command: string[]): Promise<string> {
  const { stdout } = await run("nsenter", [`--net=${task.netnsPath}`, "--", ...command]);
  return stdout;
}

/** Run by the test runner's own executable: no network tool has to be on the machine. */
const SERVE = `
const [, host, port, text] = process.argv;
const answer = (peer) => text + " " + String(peer).replace("::ffff:", "");
const server = require("net").createServer((c) => { c.on("error", () => {}); c.end(answer(c.remoteAddress)); });
server.listen(Number(port), host, () => {
  const udp = require("dgram").createSocket(host.includes(":") ? "udp6" : "udp4");
  udp.on("message", (_, from) => udp.send(answer(from.address), from.port, from.address));
  udp.bind(Number(port), host, () => console.log("ready"));
});`;
const FETCH = `
const [, host, port, from] = process.argv;
const socket = require("net").connect({ host, port: Number(port), ...(from ? { localAddress: from } : {}) });
socket.on("data", (data) => process.stdout.write(data));
socket.on("error", (error) => { process.stdout.write(error.code); process.exit(0); });
setTimeout(() => { process.stdout.write("TIMEOUT"); process.exit(0); }, Number(process.env.FETCH_TIMEOUT || 20000)).unref();`;
const FETCH_UDP = `
const [, host, port] = process.argv;
const socket = require("dgram").createSocket(host.includes(":") ? "udp6" : "udp4");
socket.on("message", (data) => { process.stdout.write(data); process.exit(0); });
setInterval(() => socket.send("x", Number(port), host), 200);
socket.send("x", Number(port), host);
setTimeout(() => { process.stdout.write("TIMEOUT"); process.exit(0); }, 20000);`;

/** Sends a message to the embedded name server and prints the reply, both in hex. */
const ASK = `
const [, hex, transport] = process.argv;
const message = Buffer.from(hex, "hex");
const print = (reply) => { process.stdout.write(reply.toString("hex")); process.exit(0); };
if (transport === "udp") {
  const socket = require("dgram").createSocket("udp4");
  socket.on("message", print);
  setInterval(() => socket.send(message, 53, "127.0.0.11"), 5000);
  socket.send(message, 53, "127.0.0.11");
} else {
  const socket = require("net").connect(53, "127.0.0.11");
  let got = Buffer.alloc(0);
  socket.on("data", (data) => {
    got = Buffer.concat([got, data]);
    if (got.length > 2 && got.length >= 2 + got.readUInt16BE(0)) print(got.subarray(2));
  });
  socket.write(Buffer.concat([Buffer.from([0, message.length]), message]));
}
setTimeout(() => process.exit(1), 25000);`;

export interface Resolved {
  rcode: number;
  /** Data of the answer's records, whose names point at the question. */
  data: Buffer[];
}

/** What the embedded name server of a task's container says. */
export async function resolve(
  task: TestTask,
  name: string,
  type: keyof typeof TYPE,
  transport: "udp" | "tcp" = "udp",
): Promise<Resolved> {
  const header = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const question = Buffer.concat([header, encodeName(name), Buffer.from([0, TYPE[type], 0, 1])]);
  const reply = Buffer.from(await scripted(task, ASK, [question.toString("hex"), transport], {}), "hex");
  const data: Buffer[] = [];
  for (let at = question.length; at + 12 <= reply.length;) {
    const length = reply.readUInt16BE(at + 10);
    data.push(reply.subarray(at + 12, at + 12 + length));
    at += 12 + length;
  }
  return { rcode: reply.readUInt16BE(2) & 15, data };
}

/** Serves TCP and UDP on a port of a task: the answer is the text and the address of who asked. */
export async function serve(
  host: TestHost,
  task: TestTask,
  port: number,
  text: string,
  address = "0.0.0.0",
): Promise<void> {
  await host.background("nsenter", [
    `--net=${task.netnsPath}`,
    "--",
    process.execPath,
    "-e",
    SERVE,
    address,
    String(port),
    text,
  ]);
}

/** What a TCP server answers, or the errno, or `TIMEOUT`. From a task's namespace, or from the host. */
export async function fetchTcp(
  task: TestTask | undefined,
  address: string,
  port: number,
  timeout = 20_000,
): Promise<string> {
  return scripted(task, FETCH, [address, String(port)], { FETCH_TIMEOUT: String(timeout) });
}

/** What a UDP server answers, asked again and again for 20 s, or `TIMEOUT`. */
export async function fetchUdp(task: TestTask | undefined, address: string, port: number): Promise<string> {
  return scripted(task, FETCH_UDP, [address, String(port)], {});
}

async function scripted(
  task: TestTask | undefined,
  script: string,
  args: string[],
  env: Record<string, string>,
): Promise<string> {
  const command = [process.execPath, "-e", script, ...args];
  const whole = task === undefined ? command : ["nsenter", `--net=${task.netnsPath}`, "--", ...command];
  const { stdout } = await run(whole[0] ?? "", whole.slice(1), { env: { ...process.env, ...env } });
  return stdout;
}

const FIRST_PORT = 10_000;
const PORTS = 22_000;
let ports = 0;

/**
 * A TCP port that stays free until the test takes it, and again later: below the range from which kernel and engines give
 * ports, and apart from those of other test processes.
 */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + ((process.pid * 16 + ports++) % PORTS);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** The error that a call ends with, as text; empty when it ends well. */
export function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(() => "", String);
}

/** Polls until `check` holds: for what the kernel does in its own time. */
export async function until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await check())) {
    if (Date.now() > limit) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
