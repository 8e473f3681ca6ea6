import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fetchTcp, fetchUdp, inside, networking, quietPort, serve, TestHost, until } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { AttachedNetworking, NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

let host: TestHost;
let service: NetworkService;
let web: TestTask;
let attached: AttachedNetworking;
let gateway: string;

beforeAll(async () => {
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
  gateway = service.hostGateways()[0] ?? "";
  web = await host.task();
  attached = await service.attach(
    networking(web, "web", {
      endpoints: { bridge: {} },
      ports: {
        "80/tcp": [{ HostPort: "" }, { HostIp: "127.0.0.1", HostPort: "0" }],
        "80/udp": [{ HostPort: "" }],
      },
      exposed: ["443/tcp"],
    }),
    web,
  );
  await serve(host, web, 80, "web");
});

afterAll(async () => {
  await host.end(service);
});

function hasLoopback6(): boolean {
  return existsSync("/proc/net/if_inet6") && readFileSync("/proc/net/if_inet6", "utf8").includes(`${"0".repeat(31)}1 `);
}

/** The host port that was given for a binding. */
function portOf(key: string, address: string): number {
  const binding = attached.ports[key]?.find((item) => item.HostIp === address);
  return Number(binding?.HostPort);
}

test("exposed ports are shown, published ones with their addresses", () => {
  expect(attached.ports["443/tcp"]).toBeNull();
  const addresses = attached.ports["80/tcp"]?.map((binding) => binding.HostIp);
  expect(addresses).toContain("0.0.0.0");
  expect(addresses).toContain("127.0.0.1");
});

test("a published port answers on loopback and on the bridge's address, with tcp and udp", async () => {
  const port = portOf("80/tcp", "0.0.0.0");
  expect(await fetchTcp(undefined, "127.0.0.1", port)).toBe(`web ${gateway}`);
  expect(await fetchTcp(undefined, gateway, port)).toBe(`web ${gateway}`);
  expect(await fetchUdp(undefined, "127.0.0.1", portOf("80/udp", "0.0.0.0"))).toBe(`web ${gateway}`);
});

test("a port published on 127.0.0.1 answers there only", async () => {
  const port = portOf("80/tcp", "127.0.0.1");
  expect(await fetchTcp(undefined, "127.0.0.1", port)).toBe(`web ${gateway}`);
  expect(await fetchTcp(undefined, gateway, port)).toBe("ECONNREFUSED");
});

test("IPv6 loopback is relayed to a container that has IPv4 only", async () => {
  if (!hasLoopback6()) return console.log("skipped: this host has no IPv6 loopback");
  const port = portOf("80/tcp", "::");
  expect(port).toBe(portOf("80/tcp", "0.0.0.0"));
  expect(await fetchTcp(undefined, "::1", port)).toBe(`web ${gateway}`);
});

test("so are datagrams, each client's answers to itself", async () => {
  if (!hasLoopback6()) return console.log("skipped: this host has no IPv6 loopback");
  const clients = [1, 2, 3].map(() => fetchUdp(undefined, "::1", portOf("80/udp", "::")));
  expect(await Promise.all(clients)).toEqual([1, 2, 3].map(() => `web ${gateway}`));
});

test("a container reaches its own and another's published port by the host's address", async () => {
  const other = await host.task();
  const { endpoints } = await service.attach(networking(other, "other", { endpoints: { bridge: {} } }), other);
  const port = portOf("80/tcp", "0.0.0.0");
  expect(await fetchTcp(other, gateway, port)).toStartWith("web ");
  expect(await fetchTcp(web, gateway, port)).toBe(`web ${gateway}`);
  expect(endpoints["bridge"]?.IPAddress).not.toBe(attached.endpoints["bridge"]?.IPAddress);
  await service.detach(other.id);
});

test("containers do not reach the host's loopback through the bridge", async () => {
  const server = createServer((socket) => socket.end("secret"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is one
  const own = await host.task();
  await service.attach(networking(own, "own", { endpoints: { bridge: {} } }), own);
  // With its own 127/8 route out of the way the packet leaves for the bridge.
  await inside(own, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo");
  expect(await fetchTcp(own, "127.0.0.1", port, 1000)).not.toContain("secret");
  await service.detach(own.id);
  server.close();
});

test("a port that another container has is refused with Docker's text, and nothing is left", async () => {
  const second = await host.task();
  const port = portOf("80/tcp", "0.0.0.0");
  const request = networking(second, "second", {
    endpoints: { bridge: {} },
    ports: { "81/tcp": [{ HostIp: "0.0.0.0", HostPort: String(port) }] },
  });
  const error: unknown = await service.attach(request, second).catch((reason: unknown) => reason);
  expect(String(error)).toMatch(
    new RegExp(
      `driver failed programming external connectivity on endpoint second \\([0-9a-f]{64}\\): Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated$`,
    ),
  );
  expect(service.state(second.id)).toBeUndefined();
  expect(await fetchTcp(undefined, "127.0.0.1", port)).toBe(`web ${gateway}`);
});

test("a port that a program of the host has is refused, and given once it is free", async () => {
  const program = createServer();
  const port = await quietPort();
  await new Promise<void>((resolve) => program.listen(port, "127.0.0.1", resolve));
  const task = await host.task();
  const request = networking(task, "late", {
    endpoints: { bridge: {} },
    ports: { "82/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] },
  });
  const error: unknown = await service.attach(request, task).catch((reason: unknown) => reason);
  expect(String(error)).toMatch(
    new RegExp(`failed to bind host port for 127\\.0\\.0\\.1:${port}:[0-9.]+:82/tcp: address already in use$`),
  );
  await new Promise((resolve) => program.close(resolve));
  const late = await service.attach(request, task);
  expect(late.ports["82/tcp"]).toEqual([{ HostIp: "127.0.0.1", HostPort: String(port) }]);
  const taken: unknown = await new Promise((resolve) =>
    createServer()
      .on("error", resolve)
      .listen(port, "127.0.0.1", () => resolve("listening")),
  );
  expect(String(taken)).toContain("EADDRINUSE");
  await service.detach(task.id);
});

test("the first free port of a range is taken", async () => {
  const first = await quietPort();
  const program = createServer();
  await new Promise<void>((resolve) => program.listen(first, "127.0.0.1", resolve));
  const task = await host.task();
  const { ports } = await service.attach(
    networking(task, "range", {
      endpoints: { bridge: {} },
      ports: { "83/tcp": [{ HostIp: "127.0.0.1", HostPort: `${first}-${first + 10}` }] },
    }),
    task,
  );
  const given = Number(ports["83/tcp"]?.[0]?.HostPort);
  expect(given).toBeGreaterThan(first);
  expect(given).toBeLessThanOrEqual(first + 10);
  await service.detach(task.id);
  program.close();
});

test("all exposed ports are published when asked", async () => {
  const task = await host.task();
  const { ports } = await service.attach(
    networking(task, "all", { endpoints: { bridge: {} }, exposed: ["80/tcp", "53/udp"], publishAll: true }),
    task,
  );
  expect(Number(ports["80/tcp"]?.[0]?.HostPort)).toBeGreaterThan(0);
  expect(Number(ports["53/udp"]?.[0]?.HostPort)).toBeGreaterThan(0);
  await service.detach(task.id);
});

test("a UDP client that goes on sending reaches the next container behind the port", async () => {
  const client = createSocket("udp4");
  const answers: string[] = [];
  client.on("message", (message) => answers.push(message.toString()));
  await new Promise<void>((resolve) => client.bind(0, resolve));
  const request = (task: TestTask, name: string, port: string) =>
    networking(task, name, {
      endpoints: { bridge: {} },
      ports: { "90/udp": [{ HostIp: "127.0.0.1", HostPort: port }] },
    });
  const first = await host.task();
  const port = String(await quietPort());
  await service.attach(request(first, "first", port), first);
  await serve(host, first, 90, "first");
  const answered = (text: string) =>
    until(`an answer from ${text}`, () => {
      client.send("x", Number(port), "127.0.0.1");
      return answers.some((answer) => answer.startsWith(text));
    });
  await answered("first");
  await service.detach(first.id);
  const second = await host.task();
  await service.attach(request(second, "second", port), second);
  await serve(host, second, 90, "second");
  await answered("second");
  await service.detach(second.id);
  client.close();
});

test("a port that was used over IPv6 loopback can be published again at once", async () => {
  const task = await host.task();
  const request = (port: string) =>
    networking(task, "again", { endpoints: { bridge: {} }, ports: { "80/tcp": [{ HostIp: "::1", HostPort: port }] } });
  if (!hasLoopback6()) return console.log("skipped: this host has no IPv6 loopback");
  const port = String(await quietPort());
  await service.attach(request(port), task);
  await serve(host, task, 80, "again");
  expect(await fetchTcp(undefined, "::1", Number(port))).toStartWith("again ");
  // The same container starts once more, with a connection of the last time in TIME_WAIT.
  const second = await service.attach(request(port), task);
  expect(second.ports["80/tcp"]).toEqual([{ HostIp: "::1", HostPort: port }]);
  await service.detach(task.id);
});
