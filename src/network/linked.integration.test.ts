import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { loadNative } from "../sys/index.ts";
import { openFirewall } from "./firewall/firewall.ts";
import { fetchTcp, networking, serve, TestHost, until, type TestTask } from "./testing.ts";
import type { NetworkService } from "./types.ts";

setDefaultTimeout(120_000);

const SETTINGS = "/proc/sys/net/bridge/bridge-nf-call-";
const hasFilter = existsSync(`${SETTINGS}iptables`) || loads("br_netfilter");
if (!hasFilter) console.log("skipped: bridges whose containers may not talk, since this kernel has no br_netfilter");

function loads(module: string): boolean {
  try {
    execFileSync("modprobe", [module], { stdio: "ignore" });
    return existsSync(`${SETTINGS}iptables`);
  } catch {
    return false;
  }
}

describe.skipIf(!hasFilter)("links on a bridge whose containers may not talk", () => {
  let host: TestHost;
  let service: NetworkService;
  const before = new Map<string, string>();

  beforeAll(async () => {
    for (const name of ["iptables", "ip6tables"]) {
      const path = `${SETTINGS}${name}`;
      if (existsSync(path)) before.set(path, readFileSync(path, "utf8"));
    }
    host = new TestHost({ icc: false });
    service = await host.start();
    await service.restore(new Map());
  });

  afterAll(async () => {
    await host.end(service);
    for (const [path, value] of before) writeFileSync(path, value);
  });

  interface Plugged {
    task: TestTask;
    name: string;
    address: string;
  }

  async function attach(task: TestTask, name: string, links: string[] = []): Promise<string> {
    const asked = networking(task, name, { endpoints: { bridge: {} }, exposed: ["80/tcp"], links });
    const attached = await service.attach(asked, task);
    return attached.endpoints["bridge"]?.IPAddress ?? "";
  }

  async function plug(name: string, links: string[] = []): Promise<Plugged> {
    const task = await host.task();
    return { task, name, address: await attach(task, name, links) };
  }

  async function served(name: string): Promise<Plugged> {
    const plugged = await plug(name);
    for (const port of [80, 81]) await serve(host, plugged.task, port, name);
    return plugged;
  }

  /** What is closed is tried once the open port next to it answers, so that nothing else stands in the way. */
  const reaches = async (from: Plugged, to: Plugged, port = 80) =>
    (await fetchTcp(from.task, to.address, port, 500)).startsWith(to.name);

  test("open the exposed ports of the other one to the one that has the link", async () => {
    const target = await served("target");
    const linked = await plug("linked", ["/target:db"]);
    await serve(host, linked.task, 80, "linked");
    const stranger = await plug("stranger");
    await until("that the port is reached", () => reaches(linked, target));
    expect(await reaches(linked, target, 81)).toBe(false);
    expect(await reaches(target, linked)).toBe(false);
    expect(await reaches(stranger, target)).toBe(false);

    // Once more when the other one comes back, also under another name, and by the rules of the next daemon.
    await service.detach(target.task.id);
    await attach(stranger.task, "target");
    expect(await reaches(linked, target)).toBe(false);
    await service.detach(stranger.task.id);
    const again = { ...target, address: await attach(target.task, "target") };
    await until("that the port is reached again", () => reaches(linked, again));
    service.rename(target.task.id, "renamed");
    const moved = { ...target, address: await attach(target.task, "renamed") };
    await until("that the port is reached under a new name", () => reaches(linked, moved));
    await service[Symbol.asyncDispose]();
    service = await host.start();
    const running = [moved.task, linked.task];
    await service.restore(new Map(running.map((task) => [task.id, task])));
    await until("that the port is reached after a restart", () => reaches(linked, moved));

    using firewall = openFirewall(loadNative(), host.config.instance);
    await firewall.remove();
    await until("that the rules are back", async () => !(await reaches(linked, moved, 81)));
    await until("that the port is reached by them", () => reaches(linked, moved));
    const heir = { ...linked, address: await attach(linked.task, "heir") };
    expect(heir.address).not.toBe("");
    expect(await reaches(heir, moved)).toBe(false);
  });
});
