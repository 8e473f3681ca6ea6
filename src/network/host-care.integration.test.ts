import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { loadNative, NETLINK_NETFILTER, NetlinkSocket, nft } from "../sys/index.ts";
import { openFirewall } from "./firewall/firewall.ts";
import { fetchTcp, networking, quietPort, serve, TestHost, until, type TestTask } from "./testing.ts";
import type { NetworkService } from "./types.ts";

/** What others do by hand to a host that containers run on. */

setDefaultTimeout(120_000);

let host: TestHost;
let service: NetworkService;
let served: TestTask;
let port: number;

beforeEach(async () => {
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
  served = await host.task();
  port = await quietPort();
  await attach(served, "served", port);
  await serve(host, served, 80, "served");
  expect(await fetch()).toStartWith("served ");
});

afterEach(async () => {
  await host.end(service);
});

const attach = (task: TestTask, name: string, hostPort: number) =>
  service.attach(
    networking(task, name, {
      endpoints: { bridge: {} },
      ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(hostPort) }] },
    }),
    task,
  );

const fetch = (timeout?: number) => fetchTcp(undefined, "127.0.0.1", port, timeout);
const isServed = async () => (await fetch(1000)).startsWith("served ");

async function removeTable(): Promise<void> {
  using firewall = openFirewall(loadNative(), host.config.instance);
  await firewall.remove();
  expect(await isServed()).toBe(false);
}

function removeBridge(): void {
  execFileSync("ip", ["link", "del", host.config.bridgeName ?? ""]);
}

test("a start that finds the rules gone makes them again, for all containers", async () => {
  await removeTable();
  const other = await host.task();
  const otherPort = await quietPort();
  await attach(other, "other", otherPort);
  await serve(host, other, 80, "other");
  expect(await fetchTcp(undefined, "127.0.0.1", otherPort)).toStartWith("other ");
  expect(await fetch()).toStartWith("served ");
});

test("a start that finds its bridge gone makes it again and plugs in what runs", async () => {
  removeBridge();
  expect(await isServed()).toBe(false);
  const other = await host.task();
  const state = await attach(other, "other", await quietPort());
  expect(await fetch()).toStartWith("served ");
  const address = service.state(served.id)?.endpoints["bridge"]?.IPAddress ?? "";
  expect(await fetchTcp(other, address, 80)).toStartWith("served ");
  expect(state.endpoints["bridge"]?.Gateway).toBe(service.hostGateways()[0] ?? "");
});

test("rules and bridge come back by themselves", async () => {
  await removeTable();
  removeBridge();
  await until("the port is served again", isServed);
});

test("elements of sets that are flushed, with their rules left, come back, too", async () => {
  const table: nft.Table = { family: "inet", name: host.config.instance };
  using socket = new NetlinkSocket(loadNative(), NETLINK_NETFILTER);
  await socket.request(nft.batch([nft.flushSet(table, "port4"), nft.flushSet(table, "bridges")]));
  const count = async (set: string) => nft.keysOf(await socket.request([nft.listElements(table, set)])).length;
  expect([await count("port4"), await count("bridges")]).toEqual([0, 0]);
  await until("the elements", async () => (await count("port4")) > 0 && (await count("bridges")) > 0);
  expect(await isServed()).toBe(true);
});

test("rules that are flushed, with their chains left, come back, too", async () => {
  const table: nft.Table = { family: "inet", name: host.config.instance };
  using socket = new NetlinkSocket(loadNative(), NETLINK_NETFILTER);
  await socket.request(nft.batch([nft.flushChain(table, "nat-output"), nft.flushChain(table, "into-bridge")]));
  expect(await isServed()).toBe(false);
  await until("the port is served again", isServed);
});
