import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OPTIONS } from "../../../src/daemon/options.ts";
import { BERTH, ROOT } from "../../support/engine.ts";
import { run } from "../../support/process.ts";

/** Runs `berth daemon` with a configuration file, for what ends before anything is made. */
async function daemon(file: string, ...args: string[]) {
  const folder = await mkdtemp("/tmp/berth-options-");
  try {
    await writeFile(join(folder, "daemon.json"), file);
    return await run(BERTH, ["daemon", `--config-file=${folder}/daemon.json`, `--data-root=${folder}/data`, ...args]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("--validate says whether the configuration is good, and starts nothing", async () => {
  expect(await daemon('{"labels":["a=b"]}', "--validate")).toEqual({
    code: 0,
    stdout: "configuration OK\n",
    stderr: "",
  });
  const bad = await daemon('{"mtu":"big"}', "--validate");
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining("mtu: must be a whole number")]);
});

test.each([
  ["an unknown flag", "{}", ["--no-such-flag"], "unknown flag: --no-such-flag"],
  ["a flag without its value", "{}", ["--mtu"], "flag needs an argument: --mtu"],
  ["a wrong value", "{}", ["--log-level=loud"], 'invalid argument "loud" for "--log-level" flag'],
  ["an unknown key", '{"no-such-key":1}', [], "don't match any configuration option: no-such-key"],
  ["a broken file", "{", [], "unable to configure the daemon with file"],
  ["an option in both places", '{"mtu":1400}', ["--mtu=1300"], "mtu: (from flag: 1300, from file: 1400)"],
  ["an option that has no effect", "{}", ["--selinux-enabled"], "option selinux-enabled cannot be set"],
  ["an object that has no effect", '{"builder":{"gc":{"enabled":true}}}', [], "option builder cannot be set"],
  ["a host of no kind", "{}", ["-H", "http://x"], 'invalid host "http://x"'],
  ["a group that is not there", "{}", ["--group=no-such-group"], "group no-such-group not found"],
  ["a log driver that is not there", "{}", ["--log-driver=nowhere"], 'no log driver named "nowhere"'],
  ["a log option of no driver", '{"log-opts":{"nosuch":"1"}}', [], "nosuch"],
  ["a limit that is none", "{}", ["--default-ulimit=nofile=2:1"], "invalid default-ulimit nofile=2:1"],
  ["a pool that is none", "{}", ["--default-address-pool=10.0.0.0/8"], "invalid default-address-pool"],
  [
    "TLS without files",
    "{}",
    ["-H", "tcp://127.0.0.1:0", "--tlsverify"],
    "TLS needs --tlscacert and --tlscert and --tlskey",
  ],
  ["tcp without TLS", "{}", ["-H", "tcp://127.0.0.1:0"], "tcp without TLS lets everyone who can connect become root"],
  ["sockets that nobody handed over", "{}", ["-H", "fd://"], "LISTEN_FDS is not set for this process"],
])("%s is refused by name", async (_, file, args, text) => {
  const result = await daemon(file, ...args);
  expect(result.stderr).toContain(text);
  expect([result.code, result.stdout]).toEqual([1, ""]);
});

test("a default of an option that has no effect may be set", async () => {
  const file = '{"builder":{},"storage-opts":[],"ipv6":false,"containerd-namespace":"moby"}';
  expect((await daemon(file, "--validate", "--selinux-enabled=false", "-r")).code).toBe(0);
});

test("--help and --version print and end", async () => {
  const help = await daemon("{}", "--help");
  expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("--data-root string")]);
  expect((await daemon("{}", "--version")).stdout).toStartWith("berth version ");
});

test("every option of dockerd is known, and no more of them are refused than before", async () => {
  const rows = (await readFile(join(ROOT, "test/fixtures/daemon/options.tsv"), "utf8")).trim().split("\n").slice(1);
  const named = rows.map((row) => row.split("\t")).map(([flag = "", key = ""]) => ({ flag: flag.slice(2), key }));
  const table = Object.values(OPTIONS);
  const unknown = named.filter(({ flag, key }) => {
    return (
      (flag !== "" && !table.some((option) => option.flag === flag)) ||
      (key !== "" && !table.some((option) => option.key === key))
    );
  });
  expect(unknown).toEqual([]);
  const refused = (await readFile(join(ROOT, "test/fixtures/daemon/refused-options.txt"), "utf8")).trim().split("\n");
  const now = Object.entries(OPTIONS).filter(([, option]) => option.refused !== undefined);
  expect(now.map(([name]) => name).filter((name) => !refused.includes(name))).toEqual([]);
});
