import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { fetchTcp, fetchUdp, inside, networking, serve, TestHost, until } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(60_000);

let host: TestHost;
let service: NetworkService;

beforeAll(async () => {
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
});

afterAll(async () => {
  await host.end(service);
});

test("a task on the default bridge reaches its gateway and another task", async () => {
  const [a, b] = [await host.task(), await host.task()];
  const first = await service.attach(networking(a, "a", { endpoints: { bridge: {} } }), a);
  const second = await service.attach(networking(b, "b", { endpoints: { bridge: {} } }), b);
  const endpoint = first.endpoints["bridge"];
  expect(endpoint).toMatchObject({ IPPrefixLen: 27, Gateway: service.hostGateways()[0] });
  expect(endpoint?.MacAddress).toMatch(/^02:42:0a:/);
  expect(await inside(a, "ip", "-o", "-4", "addr", "show", "eth0")).toContain(`${endpoint?.IPAddress}/27`);
  expect(await inside(a, "ip", "route")).toContain(`default via ${endpoint?.Gateway} dev eth0`);
  const address = second.endpoints["bridge"]?.IPAddress ?? "";
  await serve(host, b, 80, "from b");
  expect(await fetchTcp(a, address, 80)).toBe(`from b ${endpoint?.IPAddress}`);
  expect(await fetchUdp(a, address, 80)).toBe(`from b ${endpoint?.IPAddress}`);
  expect(await fetchTcp(undefined, address, 80)).toBe(`from b ${endpoint?.Gateway}`);
  expect(first.hostsLines).toEqual([{ address: endpoint?.IPAddress ?? "", names: [a.id.slice(0, 12)] }]);
  expect(first.resolvConf).toContain("nameserver 192.0.2.53\nsearch test.invalid");
  expect((await service.inspect("bridge", { verbose: false, scope: undefined })) as object).toMatchObject({
    Containers: { [a.id]: { Name: "a" }, [b.id]: { Name: "b" } },
  });
  expect((await service.counters(a.pid))["eth0"]?.tx_packets).toBeGreaterThan(0);
  await service.detach(a.id);
  expect(service.state(a.id)).toBeUndefined();
  await until("the interface to be gone", async () => !(await inside(a, "ip", "-o", "link")).includes("eth0"));
  await service.detach(b.id);
});
