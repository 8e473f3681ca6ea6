import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { dockerOutput, startEngine } from "../../support/engine.ts";
import { output } from "../../support/process.ts";

setDefaultTimeout(180_000);

/** A host's network that is nobody else's: its settings are changed by the engine alone. */
let namespace: ChildProcess;
let enter: string[];

beforeEach(async () => {
  const script = "echo 0 > /proc/sys/net/ipv4/ip_forward; echo ready; exec sleep 100000";
  namespace = spawn("unshare", ["--net", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    namespace.stdout?.once("data", resolve);
    namespace.once("error", reject);
    namespace.once("exit", () => reject(new Error("unshare failed")));
  });
  enter = ["nsenter", `--net=/proc/${namespace.pid}/ns/net`, "--"];
});

afterEach(async () => {
  const ended = new Promise((resolve) => namespace.once("exit", resolve));
  namespace.kill("SIGKILL");
  await ended;
});

/** Every setting of the network but a counter, and those of bridges of an engine, which go with them. */
async function settings(): Promise<Map<string, string>> {
  const [nsenter = "", ...args] = enter;
  const text = await output(nsenter, [...args, "sh", "-c", "grep -rs '' /proc/sys/net; true"]);
  const lines = text.split("\n").filter((line) => line !== "" && !/nf_conntrack_count|\/(conf|neigh)\/bt/.test(line));
  return new Map(lines.map((line) => [line.slice("/proc/sys/".length, line.indexOf(":")), line.replace(/^.*?:/, "")]));
}

/** What is different once a daemon has come, was killed, came again, served containers and went. */
async function changes(flags: readonly string[]): Promise<{ before: Map<string, string>; changed: string[] }> {
  const before = await settings();
  await using engine = await startEngine({ launcher: enter, flags });
  const docker = (...args: string[]) => dockerOutput(engine, args);
  // Where the kernel has IPv6, its forwarding is turned on with the first network that has it.
  const six = existsSync("/proc/net/if_inet6") ? ["--ipv6", "--subnet", "fd00:be:1::/64"] : [];
  await docker("network", "create", ...six, "six");
  await docker("run", "--rm", "--network", "six", "-p", "80", "busybox:local", "true");
  await docker("network", "rm", "six");
  await docker("run", "-d", "--sysctl", "net.ipv4.ip_forward=0", "-p", "80/udp", "busybox:local", "sleep", "600");
  await engine.kill9();
  await engine.start();
  await engine.removeContainers();
  await engine.stop();
  const after = await settings();
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  return { before, changed: names.map((name) => `${name}: ${before.get(name)} > ${after.get(name)}`).sort() };
}

test("with --ip-forward=false an engine leaves every setting of the host as it was", async () => {
  expect((await changes(["--ip-forward=false"])).changed).toEqual([]);
});

test("an engine leaves forwarding turned on, as Docker does, and nothing else changed", async () => {
  const { before, changed } = await changes([]);
  const expected = [
    // With ip_forward the kernel turns this off itself: routers take no redirects.
    "net/ipv4/conf/all/accept_redirects: 1 > 0",
    "net/ipv4/conf/all/forwarding: 0 > 1",
    "net/ipv4/conf/default/forwarding: 0 > 1",
    "net/ipv4/conf/lo/forwarding: 0 > 1",
    "net/ipv4/ip_forward: 0 > 1",
    "net/ipv6/conf/all/forwarding: 0 > 1",
    "net/ipv6/conf/default/forwarding: 0 > 1",
    // Router advertisements are taken on by the links that took them.
    "net/ipv6/conf/lo/accept_ra: 1 > 2",
    "net/ipv6/conf/lo/forwarding: 0 > 1",
  ];
  // What this kernel has, and had otherwise before.
  const isThere = (line: string) => {
    const [, name = "", value] = /^(.*): (.*) > /.exec(line) ?? [];
    return before.get(name) === value;
  };
  expect(changed).toEqual(expected.filter(isThere));
  expect(changed).toContain("net/ipv4/ip_forward: 0 > 1");
});
