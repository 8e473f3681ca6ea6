import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { inside, networking, TestHost } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(60_000);

const run = promisify(execFile);
const ip = async (...args: string[]) => (await run("ip", args)).stdout;

/** `10.1.2.3/24` of a link, in the kernel's order. */
async function addresses(link: string): Promise<string[]> {
  const text = await ip("-o", "addr", "show", "dev", link, "scope", "global");
  return [...text.matchAll(/inet6? (\S+)/g)].map((match) => match[1] ?? "");
}

let host: TestHost;
let service: NetworkService | undefined;
let bridge: string;
beforeEach(() => {
  host = new TestHost();
  bridge = host.config.bridgeName ?? "";
});
afterEach(async () => {
  await host.end(service);
  service = undefined;
});

/** The next daemon. */
async function boot(config: Partial<TestHost["config"]> = {}): Promise<NetworkService> {
  await service?.[Symbol.asyncDispose]();
  Object.assign(host.config, config);
  service = await host.start();
  await service.restore(new Map());
  return service;
}

const part = (last: string) => `10.${127 - (process.pid % 64)}.${process.pid % 251}.${last}`;

describe("a bridge of the engine's", () => {
  test("keeps the addresses that somebody has added, and gets its own back", async () => {
    await boot();
    const [own = ""] = await addresses(bridge);
    await ip("address", "add", part("1/24"), "dev", bridge);
    await boot();
    expect(await addresses(bridge)).toEqual([own, part("1/24")]);
    await ip("address", "del", own, "dev", bridge);
    await boot();
    expect((await addresses(bridge)).sort()).toEqual([own, part("1/24")].sort());
  });

  test("loses the address of former options, and nothing else", async () => {
    await boot();
    await ip("address", "add", part("1/24"), "dev", bridge);
    await boot({ bip: part("129/25") });
    expect((await addresses(bridge)).sort()).toEqual([part("1/24"), part("129/25")].sort());
    await boot({ bip: part("65/26") });
    expect((await addresses(bridge)).sort()).toEqual([part("1/24"), part("65/26")].sort());
  });
});

describe("a bridge of the user's", () => {
  beforeEach(async () => {
    await ip("link", "add", bridge, "type", "bridge");
    await ip("link", "set", bridge, "mtu", "1400");
    await ip("address", "add", part("7/26"), "dev", bridge);
    await ip("address", "add", part("129/26"), "dev", bridge);
    await ip("link", "set", bridge, "up");
  });
  afterEach(async () => {
    await ip("link", "delete", bridge);
  });

  test("is taken as the default one with the address that it has, and stays", async () => {
    for (let boots = 0; boots < 2; boots++) {
      expect((await boot()).hostGateways()[0]).toBe(part("7"));
      expect(await addresses(bridge)).toEqual([part("7/26"), part("129/26")]);
    }
    const task = await host.task();
    const attached = await service?.attach(networking(task, "a", { endpoints: { bridge: {} } }), task);
    expect(attached?.endpoints["bridge"]).toMatchObject({ IPPrefixLen: 26, Gateway: part("7") });
    expect(await inside(task, "ip", "route")).toContain(`default via ${part("7")}`);
    await service?.uninstall();
    expect(await ip("link", "show", bridge)).toContain("mtu 1400");
    expect(await addresses(bridge)).toEqual([part("7/26"), part("129/26")]);
  });

  test("gets another address when one is named, for as long as it is", async () => {
    await boot({ bip: part("65/26") });
    expect(await addresses(bridge)).toEqual([part("7/26"), part("129/26"), part("65/26")]);
    await boot({ bip: undefined });
    expect(await addresses(bridge)).toEqual([part("7/26"), part("129/26")]);
  });

  test("is taken by a network that names it, and stays when that is removed", async () => {
    const networks = await boot({ bridgeName: undefined });
    const Options = { "com.docker.network.bridge.name": bridge };
    await networks.create({ Name: "own", Options, IPAM: { Config: [{ Subnet: part("192/26") }] } });
    expect(await addresses(bridge)).toEqual([part("7/26"), part("129/26"), part("193/26")]);
    await networks.remove("own");
    expect(await addresses(bridge)).toContain(part("7/26"));
  });
});
