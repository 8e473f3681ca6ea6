import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import type { NetworkDescription } from "./describe.ts";
import { addressOfBytes, formatAddress } from "./address.ts";
import { answer, encodeName, parseQuery, RCODE } from "./netd/dns/wire.ts";
import { fetchTcp, inside, networking, refusal, resolve, serve, TestHost } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

let host: TestHost;
let service: NetworkService;
let upstream: ReturnType<typeof createSocket>;
const asked: string[] = [];

beforeAll(async () => {
  upstream = createSocket("udp4");
  upstream.on("message", (message, from) => {
    const query = parseQuery(message);
    if (query === undefined) return;
    asked.push(query.name);
    upstream.send(answer(message, query, 0, [Buffer.from([203, 0, 113, 7])]), from.port, from.address);
  });
  await new Promise<void>((done) => upstream.bind(0, "127.0.0.1", done));
  host = new TestHost({
    dns: { servers: [`127.0.0.1#${upstream.address().port}`], search: [], options: [] },
  });
  service = await host.start();
  await service.restore(new Map());
});

afterAll(async () => {
  await host.end(service);
  upstream.close();
});

/** Addresses that a name has for a task; fails when the server does not answer them. */
async function addresses(task: TestTask, name: string, type: "A" | "AAAA" = "A", transport: "udp" | "tcp" = "udp") {
  const { rcode, data } = await resolve(task, name, type, transport);
  expect(rcode).toBe(RCODE.success);
  return data.map((bytes) => formatAddress(addressOfBytes(bytes)));
}

const inspect = async (ref: string) =>
  (await service.inspect(ref, { verbose: false, scope: undefined })) as NetworkDescription; // what inspect gives

describe("networks", () => {
  test("one is made with a subnet of the pools, listed, and removed with its bridge", async () => {
    const { Id } = await service.create({ Name: "plain", Labels: { a: "1" } });
    const network = await inspect("plain");
    expect(network).toMatchObject({ Id, Driver: "bridge", EnableIPv6: false, Labels: { a: "1" }, Options: {} });
    expect(network.IPAM?.Config?.[0]?.Subnet).toEndWith("/27");
    expect((await service.list(new Map([["label", ["a=1"]]]))).map((item) => item.Name)).toEqual(["plain"]);
    expect(await inspect(Id.slice(0, 12))).toEqual(network);
    await service.remove("plain");
    expect(await refusal(service.inspect("plain", { verbose: false, scope: undefined }))).toContain(
      "network plain not found",
    );
    const actions = host.events.filter((event) => event.id === Id).map((event) => event.action);
    expect(actions).toEqual(["create", "destroy"]);
  });

  test("prune takes unused ones only", async () => {
    const task = await host.task();
    await service.create({ Name: "used", Labels: { prune: "" } });
    await service.create({ Name: "unused", Labels: { prune: "" } });
    await service.attach(networking(task, "user", { endpoints: { used: {} } }), task);
    expect(await refusal(service.remove("used"))).toMatch(
      /error while removing network: network used has active endpoints \(name:"user" id:"[0-9a-f]{12}"\)/,
    );
    expect(await service.prune(new Map([["label", ["prune"]]]))).toEqual({ NetworksDeleted: ["unused"] });
    await service.detach(task.id);
    await service.remove("used");
  });
});

describe("containers on them", () => {
  let one: TestTask;
  let two: TestTask;

  beforeAll(async () => {
    await service.create({ Name: "front" });
    await service.create({ Name: "back", Internal: true });
    one = await host.task();
    two = await host.task();
    await service.attach(networking(one, "one", { endpoints: { front: { Aliases: ["web"] } } }), one);
    await service.attach(networking(two, "two", { endpoints: { front: {} } }), two);
    await serve(host, one, 80, "one");
  });

  test("names, aliases and short ids are answered; so are addresses", async () => {
    const address = service.state(one.id)?.endpoints["front"]?.IPAddress ?? "";
    for (const name of ["one", "web", one.id.slice(0, 12), "ONE.front"])
      expect(await addresses(two, name)).toEqual([address]);
    expect(await addresses(two, "two")).toEqual([service.state(two.id)?.endpoints["front"]?.IPAddress ?? ""]);
    expect(await addresses(two, "one", "AAAA")).toEqual([]);
    const reversed = address.split(".").reverse().join(".");
    expect(await resolve(two, `${reversed}.in-addr.arpa`, "PTR")).toEqual({
      rcode: RCODE.success,
      data: [encodeName("one.front")],
    });
    expect(service.state(two.id)?.resolvConf).toMatch(/\nnameserver 127\.0\.0\.11\n(.*\n)*options ndots:0\n/);
  });

  test("other names go to the host's servers, and containers' names are answered over tcp too", async () => {
    expect(await addresses(two, "example.test")).toEqual(["203.0.113.7"]);
    expect(await addresses(two, "one", "A", "tcp")).toEqual([
      service.state(one.id)?.endpoints["front"]?.IPAddress ?? "",
    ]);
    expect(asked).toContain("example.test");
    expect(asked).not.toContain("one");
  });

  test("a network apart is not reached and not resolved", async () => {
    await service.create({ Name: "apart" });
    const other = await host.task();
    await service.attach(networking(other, "other", { endpoints: { apart: {} } }), other);
    const address = service.state(one.id)?.endpoints["front"]?.IPAddress ?? "";
    expect(await fetchTcp(other, address, 80, 1000)).toBe("TIMEOUT");
    expect(await addresses(other, "one")).toEqual(["203.0.113.7"]);
    await service.detach(other.id);
    await service.remove("apart");
  });

  test("an internal network has no way out, and its questions stay inside", async () => {
    const shut = await host.task();
    const state = await service.attach(networking(shut, "shut", { endpoints: { back: {} } }), shut);
    expect(await inside(shut, "ip", "route")).not.toContain("default");
    expect(state.endpoints["back"]?.IPAddress).not.toBe("");
    expect(await resolve(shut, "leak.test", "A")).toEqual({ rcode: RCODE.serverFailure, data: [] });
    expect(asked).not.toContain("leak.test");
    expect(await addresses(shut, "shut")).toEqual([state.endpoints["back"]?.IPAddress ?? ""]);
    await service.detach(shut.id);
  });

  test("a running container is connected and disconnected", async () => {
    await service.create({ Name: "extra" });
    const peer = await host.task();
    await service.attach(networking(peer, "peer", { endpoints: { extra: {} } }), peer);
    await serve(host, peer, 80, "peer");
    const before = service.shown(two.id);
    expect(service.shown(two.id)).toBe(before);
    const { interfaceName, settings } = await service.attachOne(two.id, "extra", { Aliases: ["second"] }, two);
    expect(service.shown(two.id)?.endpoints["extra"]?.IPAddress).toBe(settings.IPAddress);
    expect(interfaceName).toBe("eth1");
    expect(await fetchTcp(two, service.state(peer.id)?.endpoints["extra"]?.IPAddress ?? "", 80)).toBe(
      `peer ${settings.IPAddress}`,
    );
    expect(await addresses(peer, "second")).toEqual([settings.IPAddress ?? ""]);
    expect(await refusal(service.attachOne(two.id, "extra", {}, two))).toContain(
      "endpoint with name two already exists in network extra",
    );
    await service.detachOne(two.id, "extra", false);
    expect(service.shown(two.id)).toEqual(before);
    expect(await inside(two, "ip", "-o", "link")).not.toContain("eth1");
    expect(await inside(two, "ip", "route")).toContain("default via");
    expect(await refusal(service.detachOne(two.id, "extra", false))).toContain(
      `container ${two.id} is not connected to network extra`,
    );
    await service.detach(peer.id);
    await service.remove("extra");
  });

  test("the default route follows the highest priority", async () => {
    await service.create({ Name: "prio" });
    const task = await host.task();
    await service.attach(networking(task, "gw", { endpoints: { front: { GwPriority: 1 }, prio: {} } }), task);
    const gateway = async (ref: string) => (await inspect(ref)).IPAM?.Config?.[0]?.Gateway ?? "none";
    expect(await inside(task, "ip", "route")).toContain(`default via ${await gateway("front")} dev eth0`);
    await service.detachOne(task.id, "front", false);
    expect(await inside(task, "ip", "route")).toContain(`default via ${await gateway("prio")} dev eth1`);
    await service.detach(task.id);
    await service.remove("prio");
  });

  test("addresses are fixed where the subnet is the user's", async () => {
    const subnet = (await inspect("front")).IPAM?.Config?.[0]?.Subnet ?? "";
    const base = subnet.replace(/\.\d+\/\d+$/, "");
    await service.create({ Name: "fixed", IPAM: { Config: [{ Subnet: `${base}.192/28`, Gateway: `${base}.200` }] } });
    const task = await host.task();
    const state = await service.attach(
      networking(task, "fix", {
        endpoints: { fixed: { IPAMConfig: { IPv4Address: `${base}.205` }, MacAddress: "02:00:00:00:00:99" } },
      }),
      task,
    );
    expect(state.endpoints["fixed"]).toMatchObject({
      IPAddress: `${base}.205`,
      Gateway: `${base}.200`,
      MacAddress: "02:00:00:00:00:99",
    });
    expect(await inside(task, "ip", "link", "show", "eth0")).toContain("02:00:00:00:00:99");
    const second = await host.task();
    const clash = service.attach(
      networking(second, "clash", { endpoints: { fixed: { IPAMConfig: { IPv4Address: `${base}.205` } } } }),
      second,
    );
    expect(await refusal(clash)).toContain("Address already in use");
    await service.detach(task.id);
    await service.remove("fixed");
  });

  test("IPv6 is given and reached on a network that has it", async () => {
    const { existsSync } = await import("node:fs");
    if (!existsSync("/proc/net/if_inet6")) return console.log("skipped: this host has no IPv6");
    await service.create({ Name: "six", EnableIPv6: true });
    const [a, b] = [await host.task(), await host.task()];
    await service.attach(networking(a, "a6", { endpoints: { six: {} } }), a);
    await service.attach(networking(b, "b6", { endpoints: { six: {} } }), b);
    const address = service.state(a.id)?.endpoints["six"]?.GlobalIPv6Address ?? "";
    expect(address).toStartWith("fd");
    await serve(host, a, 80, "a6", "::");
    expect(await fetchTcp(b, address, 80)).toBe(`a6 ${service.state(b.id)?.endpoints["six"]?.GlobalIPv6Address}`);
    expect(await addresses(b, "a6", "AAAA")).toEqual([address]);
    await service.detach(a.id);
    await service.detach(b.id);
    await service.remove("six");
  });
});
