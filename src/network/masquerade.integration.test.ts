import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { fetchTcp, inside, networking, serve, TestHost } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

/** Another machine on a link of its own: a namespace behind a veth that is on no bridge of ours. */
let host: TestHost;
let service: NetworkService;
let machine: TestTask;
let machineAddress: string;
let hostAddress: string;
let link: string;

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });

beforeAll(async () => {
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
  machine = await host.task();
  link = `x${host.tag}`;
  // 198.18.0.0/15 is for tests between networks (RFC 2544).
  const block = process.pid % 16384;
  const base = `198.${18 + (block >> 13)}.${(block >> 5) & 255}.${(block & 31) * 8}`.replace(/\d+$/, "");
  const low = (block & 31) * 8;
  hostAddress = `${base}${low + 1}`;
  machineAddress = `${base}${low + 2}`;
  ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(machine.pid));
  ip("addr", "add", `${hostAddress}/29`, "dev", link);
  ip("link", "set", link, "up");
  await inside(machine, "ip", "addr", "add", `${machineAddress}/29`, "dev", "eth0");
  await inside(machine, "ip", "link", "set", "eth0", "up");
  await inside(machine, "ip", "link", "set", "lo", "up");
  await inside(machine, "ip", "route", "add", "default", "via", hostAddress);
  await serve(host, machine, 80, "machine");
});

afterAll(async () => {
  // First: it goes by itself with the other end, some time after that namespace's last process.
  ip("link", "del", link);
  await host.end(service);
});

test("what leaves a bridge has the host's address", async () => {
  const task = await host.task();
  await service.attach(networking(task, "out", { endpoints: { bridge: {} } }), task);
  expect(await fetchTcp(task, machineAddress, 80)).toBe(`machine ${hostAddress}`);
  await service.detach(task.id);
});

test("an internal network does not leave", async () => {
  await service.create({ Name: "inner", Internal: true });
  const task = await host.task();
  const state = await service.attach(networking(task, "in", { endpoints: { inner: {} } }), task);
  expect(await fetchTcp(task, machineAddress, 80, 1000)).not.toContain("machine");
  const gateway = state.endpoints["inner"]?.Gateway ?? "";
  await inside(task, "ip", "route", "add", "default", "via", gateway);
  expect(await fetchTcp(task, machineAddress, 80, 1000)).toBe("TIMEOUT");
  await service.detach(task.id);
  await service.remove("inner");
});

test("from outside a published port answers, with the asker's address; nothing else of the container does", async () => {
  const task = await host.task();
  const state = await service.attach(
    networking(task, "served", {
      endpoints: { bridge: {} },
      ports: { "80/tcp": [{ HostIp: "0.0.0.0" }, { HostIp: "127.0.0.1" }] },
    }),
    task,
  );
  await serve(host, task, 80, "served");
  const [open, local] = (state.ports["80/tcp"] ?? []).map((binding) => Number(binding.HostPort));
  expect(await fetchTcp(machine, hostAddress, open ?? 0)).toBe(`served ${machineAddress}`);
  // Straight to the container's address, which a neighbour can route to.
  const address = state.endpoints["bridge"]?.IPAddress ?? "";
  expect(await fetchTcp(machine, address, 80, 1000)).toBe("TIMEOUT");
  // A port of the host's loopback, sent over the wire: CVE-2020-8558.
  await inside(machine, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo");
  await inside(machine, "ip", "route", "add", "127.0.0.1/32", "via", hostAddress, "src", machineAddress);
  expect(await fetchTcp(machine, "127.0.0.1", local ?? 0, 1000)).not.toContain("served");
  await service.detach(task.id);
});
