import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { openFirewall } from "./firewall/firewall.ts";
import { loadNative } from "../sys/index.ts";
import { fetchTcp, inside, networking, quietPort, refusal, resolve, serve, TestHost } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

let host: TestHost;
let service: NetworkService;

beforeEach(async () => {
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
});

afterEach(async () => {
  await host.end(service);
});

/** The daemon ends and another starts over the same state. */
async function restart(between?: () => Promise<void>): Promise<NetworkService> {
  await service[Symbol.asyncDispose]();
  await between?.();
  service = await host.start();
  return service;
}

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });

test("what runs keeps its addresses, ports and names over a restart, even with rules and bridge gone", async () => {
  await service.create({ Name: "net" });
  const task = await host.task();
  const peer = await host.task();
  const port = await quietPort();
  const before = await service.attach(
    networking(task, "kept", {
      endpoints: { net: {} },
      ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] },
    }),
    task,
  );
  await service.attach(networking(peer, "peer", { endpoints: { net: {} } }), peer);
  await serve(host, task, 80, "kept");

  await restart(async () => {
    using firewall = openFirewall(loadNative(), host.config.instance);
    await firewall.remove();
    expect(await fetchTcp(undefined, "127.0.0.1", port, 1000)).not.toContain("kept");
  });
  await service.restore(
    new Map([
      [task.id, task],
      [peer.id, peer],
    ]),
  );
  expect(service.state(task.id)).toEqual(before);
  expect(await fetchTcp(undefined, "127.0.0.1", port)).toStartWith("kept ");
  expect((await resolve(peer, "kept", "A")).data).toHaveLength(1);
  const third = await host.task();
  const state = await service.attach(networking(third, "third", { endpoints: { net: {} } }), third);
  const taken = [task, peer].map((item) => service.state(item.id)?.endpoints["net"]?.IPAddress);
  expect(taken).not.toContain(state.endpoints["net"]?.IPAddress);
});

test("endpoints of containers that ended meanwhile are gone, their ports and addresses free", async () => {
  const task = await host.task();
  const HostPort = String(await quietPort());
  const before = await service.attach(
    networking(task, "dead", {
      endpoints: { bridge: {} },
      ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort }] },
    }),
    task,
  );
  await task.ports.releasePorts(undefined); // with the end of its supervisor
  await restart();
  await service.restore(new Map());
  expect(service.state(task.id)).toBeUndefined();
  expect(await inside(task, "ip", "-o", "link")).not.toContain("eth0");
  const again = await service.attach(
    networking(task, "again", {
      endpoints: { bridge: {} },
      ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort }] },
    }),
    task,
  );
  expect(again.endpoints["bridge"]?.IPAddress).toBe(before.endpoints["bridge"]?.IPAddress ?? "");
});

test("a veth that no record knows is removed; bridges get their addresses back", async () => {
  const bridge = host.config.bridgeName ?? "";
  const stray = `v${host.tag}`;
  ip("link", "add", stray, "type", "veth", "peer", "name", `w${host.tag}`);
  ip("link", "set", stray, "master", bridge);
  ip("addr", "flush", "dev", bridge);
  await restart();
  await service.restore(new Map());
  expect(ip("-o", "link")).not.toContain(stray);
  expect(ip("-o", "-4", "addr", "show", bridge)).toContain(`${service.hostGateways()[0]}/27`);
});

test("a default bridge that the options no longer name is removed", async () => {
  const before = host.config.bridgeName ?? "";
  await restart(async () => {
    host.config.bridgeName = `${before}x`;
  });
  await service.restore(new Map());
  expect(ip("-o", "link")).toContain(`${before}x`);
  expect(ip("-o", "link")).not.toContain(`${before}:`);
  await restart(async () => {
    host.config.bridgeName = undefined;
  });
  await service.restore(new Map());
  expect(ip("-o", "link")).not.toContain(before);
  expect(service.hostGateways()).toEqual([]);
});

test("uninstalling leaves no link, table or rule behind", async () => {
  await service.create({ Name: "leave" });
  const task = await host.task();
  await service.attach(networking(task, "leaver", { endpoints: { leave: {}, bridge: {} } }), task);
  await service.uninstall();
  expect(ip("-o", "link")).not.toContain(`b${host.tag}`);
  expect(await inside(task, "ip", "-o", "link")).not.toContain("eth");
  using firewall = openFirewall(loadNative(), host.config.instance);
  // Elements can only be added to a table that is there.
  const publish = firewall.publish([
    { protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 1, target: { family: 4, value: 1n }, targetPort: 1 },
  ]);
  expect(await refusal(publish)).toContain("ENOENT");
});
