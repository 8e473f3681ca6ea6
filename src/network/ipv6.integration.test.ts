import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fetchTcp, inside, networking, serve, TestHost } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { AttachedNetworking, NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

const hasIpv6 = existsSync("/proc/net/if_inet6");
if (!hasIpv6) console.log("skipped: this host has no IPv6");

describe.skipIf(!hasIpv6)("the default bridge with IPv6", () => {
  let host: TestHost;
  let service: NetworkService;
  let web: TestTask;
  let attached: AttachedNetworking;
  let subnet: string;

  beforeAll(async () => {
    // RFC 4193, by the process, so that two runs never meet.
    subnet = `fd5b:${(process.pid & 0xffff).toString(16)}:${((process.pid >> 16) + 1).toString(16)}`;
    host = new TestHost({ ipv6: true, fixedCidr6: `${subnet}::/64` });
    service = await host.start();
    await service.restore(new Map());
    web = await host.task();
    const ports = { "80/tcp": [{}, { HostIp: "::1" }] };
    attached = await service.attach(networking(web, "web", { endpoints: { bridge: {} }, ports }), web);
    await serve(host, web, 80, "web", "::");
  });
  afterAll(async () => {
    await host.end(service);
  });

  const portOn = (address: string) =>
    Number(attached.ports["80/tcp"]?.find(({ HostIp }) => HostIp === address)?.HostPort);

  test("gives an address, a gateway, a route and lines of /etc/hosts", async () => {
    expect(attached.endpoints["bridge"]).toMatchObject({
      GlobalIPv6Address: `${subnet}::2`,
      GlobalIPv6PrefixLen: 64,
      IPv6Gateway: `${subnet}::1`,
    });
    expect(service.hostGateways()[1]).toBe(`${subnet}::1`);
    expect(attached.hostsLines.map(({ address }) => address)).toContain(`${subnet}::2`);
    expect(await inside(web, "ip", "-6", "route", "show", "default")).toContain(`via ${subnet}::1 dev eth0`);
  });

  test("publishes ports on [::] and [::1], from the host and from another container", async () => {
    expect(portOn("::")).toBe(portOn("0.0.0.0"));
    expect(await fetchTcp(undefined, `${subnet}::1`, portOn("::"))).toStartWith("web ");
    for (const port of [portOn("::"), portOn("::1")])
      expect(await fetchTcp(undefined, "::1", port)).toStartWith("web ");
    expect(await fetchTcp(undefined, `${subnet}::1`, portOn("::1"))).toBe("ECONNREFUSED");
    const other = await host.task();
    await service.attach(networking(other, "other", { endpoints: { bridge: {} } }), other);
    expect(await fetchTcp(other, `${subnet}::1`, portOn("::"))).toStartWith("web ");
    expect(await fetchTcp(other, `${subnet}::2`, 80)).toStartWith("web ");
    await service.detach(other.id);
  });

  test("hides containers behind the host's address on the way out, and keeps askers' addresses on the way in", async () => {
    const machine = await host.task();
    const link = `y${host.tag}`;
    execFileSync("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(machine.pid)]);
    try {
      const [near, far] = [`${subnet}:7::1`, `${subnet}:7::2`];
      execFileSync("ip", ["addr", "add", `${near}/64`, "dev", link, "nodad"]);
      execFileSync("ip", ["link", "set", link, "up"]);
      await inside(machine, "ip", "addr", "add", `${far}/64`, "dev", "eth0", "nodad");
      await inside(machine, "ip", "link", "set", "eth0", "up");
      await serve(host, machine, 81, "machine", "::");
      expect(await fetchTcp(web, far, 81)).toBe(`machine ${near}`);
      expect(await fetchTcp(machine, near, portOn("::"))).toBe(`web ${far}`);
    } finally {
      execFileSync("ip", ["link", "del", link]);
    }
  });
});
