import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { inside, networking, TestHost } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

const run = promisify(execFile);
const TESTING = new URL("./testing.ts", import.meta.url).pathname;

/** A daemon that makes a network and plugs a task in, with one point armed: it says what it was refused with. */
const DAEMON = `
const { LocalPorts, TestHost, networking } = await import(${JSON.stringify(TESTING)});
const [, folder, config, task, then] = process.argv;
const host = new TestHost(JSON.parse(config), folder);
const service = await host.start();
await service.restore(new Map());
const { id, netnsPath } = JSON.parse(task);
const ports = { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "0" }] };
try {
  await service.create({ Name: "made" });
  if (then === "remove") await service.remove("made");
  else await service.attach(networking({ id }, "crash", { endpoints: { made: {} }, ports }), { netnsPath, ports: new LocalPorts() });
} catch (error) {
  process.stdout.write(String(error));
}
await service[Symbol.asyncDispose]();
process.exit(0);`;

let host: TestHost;
let task: TestTask;
let service: NetworkService | undefined;

beforeEach(async () => {
  host = new TestHost();
  task = await host.task();
});

afterEach(async () => {
  await host.end(service);
  service = undefined;
});

async function daemon(crash: string, then = "attach"): Promise<string> {
  const { id, netnsPath } = task;
  const args = ["-e", DAEMON, host.folder, JSON.stringify(host.config), JSON.stringify({ id, netnsPath }), then];
  try {
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, BERTH_CRASH: crash } });
    return stdout;
  } catch (error) {
    if (error instanceof Error && "signal" in error) return String(error.signal);
    throw error;
  }
}

const POINTS = [
  "network-create:recorded",
  "network-create:bridge-made",
  "network-attach:reserved",
  "network-plug:made",
  "network-attach:plugged",
  "network-publish:held",
  "network-attach:published",
  "network-attach:linked",
  "network-attach:served",
];

/** What a plug-in needs is there again: the interface's name, a port, a network to be made by the same name. */
async function everythingWorks(networkIsThere: boolean): Promise<void> {
  service = await host.start();
  await service.restore(new Map());
  expect(await inside(task, "ip", "-o", "link")).not.toContain("eth0");
  const names = (await service.list(new Map())).map((network) => network.Name);
  expect(names.includes("made")).toBe(networkIsThere);
  if (!networkIsThere) await service.create({ Name: "made" });
  const state = await service.attach(
    networking(task, "after", { endpoints: { made: {} }, ports: { "80/tcp": [{ HostIp: "127.0.0.1" }] } }),
    task,
  );
  const { IPAddress = "", Gateway = "" } = state.endpoints["made"] ?? {};
  // The first address is free: the endpoint that was begun holds none.
  expect(Number(IPAddress.split(".")[3])).toBe(Number(Gateway.split(".")[3]) + 1);
}

test.each(POINTS)("an error at %s undoes what was begun", async (point) => {
  expect(await daemon(`${point}=EIO`)).toContain(`EIO: injected at ${point}`);
  expect(await inside(task, "ip", "-o", "link")).not.toContain("eth0");
  await everythingWorks(!point.startsWith("network-create"));
});

test.each(["network-remove:recorded", "network-remove:rules-removed"])(
  "a daemon killed at %s has removed the network, and the next one its bridge",
  async (point) => {
    expect(await daemon(`${point}=kill`, "remove")).toBe("SIGKILL");
    service = await host.start();
    await service.restore(new Map());
    expect((await service.list(new Map())).map((network) => network.Name)).not.toContain("made");
    const { stdout } = await run("ip", ["-o", "link"]);
    expect(stdout).not.toContain(host.config.bridgePrefix);
  },
);

test.each(POINTS)("a daemon killed at %s leaves nothing that the next one does not mend", async (point) => {
  expect(await daemon(`${point}=kill`)).toBe("SIGKILL");
  await everythingWorks(true);
});
