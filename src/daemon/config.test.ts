import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, parseConfigText, parseFlags } from "./config.ts";

async function withFile<T>(text: string, work: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "berth-config-"));
  try {
    const file = join(folder, "daemon.json");
    await writeFile(file, text);
    return await work(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("defaults hold where nothing is set", async () => {
  const config = await withFile("", (file) => loadConfig(["--config-file", file]));
  expect(config["live-restore"]).toBe(true);
  expect(config["default-shm-size"]).toBe(64 * 1024 * 1024);
  expect(config.host).toEqual([]);
});

test("folders are relative to where the daemon is started", async () => {
  const flags = ["--data-root=data", "--exec-root=./run", "--pidfile", "../pid"];
  const config = await withFile("{}", (file) => loadConfig(["--config-file", file, ...flags]));
  const here = process.cwd();
  expect(config).toMatchObject({
    "data-root": join(here, "data"),
    "exec-root": join(here, "run"),
    pidfile: join(here, "../pid"),
  });
});

test("flags take every form that pflag takes", () => {
  const flags = parseFlags(["-D", "-Hunix:///a.sock", "--host=tcp://h:1", "-H", "fd://", "--default-shm-size", "1g"]);
  expect(flags.get("debug")).toBe(true);
  expect(flags.get("host")).toEqual(["unix:///a.sock", "tcp://h:1", "fd://"]);
  expect(flags.get("default-shm-size")).toBe(2 ** 30);
});

test.each([
  [["--nosuch"], "unknown flag: --nosuch"],
  [["--bip"], "flag needs an argument: --bip"],
  [["--mtu=big"], 'invalid argument "big" for "--mtu" flag: must be a whole number'],
  [["-l", "loud"], "must be one of debug, info, warn, error, fatal"],
  [["extra"], '"berth daemon" accepts no arguments, got "extra"'],
])("%p is refused by name", (argv, text) => {
  expect(() => parseFlags(argv)).toThrow(text);
});

test("unknown keys of the file are named together", () => {
  expect(() => parseConfigText("f.json", '{"nosuch":1,"debug":true,"other":2}')).toThrow(
    "unable to configure the daemon with file f.json: the following directives don't match any configuration option: nosuch, other",
  );
});

test.each([
  ["[]", "it must hold one JSON object"],
  ["{", "unable to configure the daemon with file f.json"],
  ['{"debug":"yes"}', "debug: must be true or false"],
  ['{"hosts":"unix:///x"}', "hosts: must be a list"],
])("a file holding %p is refused", (text, message) => {
  expect(() => parseConfigText("f.json", text)).toThrow(message);
});

test("an option in both places is refused, but lists and maps join", async () => {
  await withFile('{"debug":true,"labels":["a=1"],"runtimes":{"x":{"path":"/x"}}}', async (file) => {
    const joined = await loadConfig(["--config-file", file, "--label", "b=2", "--add-runtime", "y=/y"]);
    expect(joined.label).toEqual(["b=2", "a=1"]);
    expect(joined["add-runtime"]).toEqual({ x: "/x", y: "/y" });
    await expect(loadConfig(["--config-file", file, "--debug"])).rejects.toThrow(
      "specified both as a flag and in the configuration file: debug: (from flag: true, from file: true)",
    );
  });
});

test("what is not supported yet is refused, not ignored", () => {
  return expect(loadConfig(["--allow-direct-routing"])).rejects.toThrow("option allow-direct-routing cannot be set");
});

test("a configuration file that was asked for must be there", () => {
  return expect(loadConfig(["--config-file", "/nonexistent/daemon.json"])).rejects.toThrow("/nonexistent/daemon.json");
});
