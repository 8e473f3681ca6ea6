import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { main } from "./index.ts";
import { entries, groups } from "./table.ts";
import { FakeEngine } from "./testing/fake-engine.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

let engine: FakeEngine;
beforeAll(async () => {
  engine = await FakeEngine.start(({ path }) => {
    if (path === "/containers/json")
      return {
        json: [
          { Id: "a1".repeat(32), Names: ["/web"] },
          { Id: "b2".repeat(32), Names: ["/worker"] },
          { Id: "a3".repeat(32), Names: ["/db"] },
        ],
      };
    if (path === "/images/json") return { json: [{ Id: `sha256:${"c4".repeat(32)}`, RepoTags: ["app:1", "lib:2"] }] };
    if (path === "/networks") return { json: [{ Id: "d5".repeat(32), Name: "backend" }] };
    if (path === "/info") return { json: { Plugins: { Log: ["local", "none"] }, Runtimes: { berth: {}, runc: {} } } };
    if (path === "/volumes") return { json: { Volumes: [{ Name: "data" }] } };
    return { status: 404, json: { message: "page not found" } };
  });
});
afterAll(() => engine[Symbol.asyncDispose]());

async function output(...argv: string[]): Promise<string> {
  const io = new ScriptedIo(engine.env);
  expect(await main(argv, io)).toBe(0);
  return io.stdout;
}

const suggestions = async (...words: string[]) =>
  (await output("completion", ...words.map((word) => `--words=${word}`))).split("\n").filter((line) => line !== "");

/** How each shell checks a script without running it. */
const CHECKS = { bash: ["-n"], zsh: ["-n"], fish: ["--no-execute"] } as const;

describe("a completion script", () => {
  for (const [shell, flags] of Object.entries(CHECKS)) {
    const missing = spawnSync(shell, ["--version"]).error !== undefined;
    if (missing) console.log(`skipped: the completion script of ${shell}, which is not installed`);
    test.skipIf(missing)(`is one that ${shell} can read`, async () => {
      const { status, stderr } = spawnSync(shell, [...flags, "/dev/stdin"], {
        input: await output("completion", shell),
      });
      expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: "" });
    });
  }

  test("makes bash offer what berth suggests", async () => {
    const ask = `berth() { printf '%s\\n' "$@" | sed 's/^--words=/got-/'; }
      ${await output("completion", "bash")}
      COMP_LINE='berth rm  "a b" x:y=w more' COMP_POINT=22
      COMP_WORDS=(berth rm '"a b"' x : y = w more) COMP_CWORD=7; _berth; printf '%s|' "\${COMPREPLY[@]}"`;
    expect(spawnSync("bash", ["-c", ask]).stdout.toString()).toBe('completion|got-rm|got-"a b"|got-x:y=w|');
  });
});

describe("suggestions", () => {
  test("are commands, groups and their members", async () => {
    expect(await suggestions("ru")).toEqual(["run"]);
    expect(await suggestions("net")).toEqual(["network"]);
    expect(await suggestions("network", "c")).toEqual(["connect", "create"]);
    expect(await suggestions("nosuch", "")).toEqual([]);
  });

  test("are flags behind a dash", async () => {
    expect(await suggestions("ps", "--no")).toEqual(["--no-trunc"]);
    expect(await suggestions("container", "ls", "--al")).toEqual(["--all"]);
  });

  test("are names that the engine knows", async () => {
    expect(await suggestions("rm", "w")).toEqual(["web", "worker"]);
    expect(await suggestions("volume", "rm", "")).toEqual(["data"]);
    expect(await suggestions("rmi", "")).toEqual(["app:1", "lib:2"]);
    expect(await suggestions("run", "--rm", "li")).toEqual(["lib:2"]);
    expect(await suggestions("network", "rm", "b")).toEqual(["backend"]);
  });

  test("are the values of flags that are chosen from some", async () => {
    expect(await suggestions("run", "--pull", "a")).toEqual(["always"]);
    expect(await suggestions("run", "--pull=")).toEqual(["--pull=always", "--pull=missing", "--pull=never"]);
    expect(await suggestions("run", "--network", "b")).toEqual(["backend"]);
    expect(await suggestions("create", "--network=b")).toEqual(["--network=backend"]);
    expect(await suggestions("kill", "-s", "US")).toEqual(["USR1", "USR2"]);
    expect(await suggestions("run", "-itv", "a")).toEqual([]);
    expect(await suggestions("run", "--name", "a")).toEqual([]);
    expect(await suggestions("--log-level", "w")).toEqual(["warn"]);
  });

  test("come behind the flags of the whole, which say where the engine is", async () => {
    expect(await suggestions("-D", "ps", "--no")).toEqual(["--no-trunc"]);
    expect(await suggestions("--debug", "-l", "info", "network", "c")).toEqual(["connect", "create"]);
    expect(await suggestions("-H", "unix:///nonexistent.sock", "rm", "w")).toEqual([]);
    expect(await suggestions("--tlsv")).toEqual(["--tlsverify"]);
    expect(await suggestions("--context", "def")).toEqual(["default"]);
  });

  test("go by the place of an argument", async () => {
    expect(await suggestions("network", "connect", "backend", "w")).toEqual(["web", "worker"]);
    expect(await suggestions("run", "app:1", "l")).toEqual([]);
    expect(await suggestions("exec", "-it", "web", "w")).toEqual([]);
    expect(await suggestions("tag", "app:1", "l")).toEqual([]);
    expect(await suggestions("rm", "web", "wo")).toEqual(["worker"]);
    expect(await suggestions("rm", "--", "wo")).toEqual(["worker"]);
    expect(await suggestions("rm", "--", "-")).toEqual([]);
    expect(await suggestions("completion", "")).toEqual(["bash", "fish", "zsh"]);
    expect(await suggestions("system", "default", "o")).toEqual(["off", "on"]);
    expect(await suggestions("help", "network", "con")).toEqual(["connect"]);
    expect(await suggestions("help", "ru")).toEqual(["run"]);
  });

  test("are ids as far as they were begun", async () => {
    expect(await suggestions("rm", "")).toEqual(["db", "web", "worker"]);
    expect(await suggestions("rm", "a")).toEqual(["a1a1a1a1a1a1", "a3a3a3a3a3a3"]);
    expect(await suggestions("rm", "a1a1a1a1a1a1a")).toEqual(["a1".repeat(32)]);
    expect(await suggestions("rmi", "c4")).toEqual(["c4c4c4c4c4c4"]);
    expect(await suggestions("rmi", "sha256:c")).toEqual([`sha256:${"c4".repeat(32)}`]);
    expect(await suggestions("network", "inspect", "d5d5")).toEqual(["d5d5d5d5d5d5"]);
  });

  test("are what the engine has of drivers and runtimes, capabilities, signals, variables, other containers", async () => {
    expect(await suggestions("run", "--network", "")).toEqual(["backend", "container:"]);
    expect(await suggestions("run", "-itv", "")).toEqual(["data"]);
    expect(await suggestions("run", "--log-driver", "")).toEqual(["local", "none"]);
    expect(await suggestions("run", "--runtime", "r")).toEqual(["runc"]);
    expect(await suggestions("run", "--cap-add", "CAP_NET_B")).toEqual(["CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST"]);
    expect(await suggestions("kill", "-s", "SIGWIN")).toEqual(["SIGWINCH"]);
    expect(await suggestions("run", "-e", "BERTH_H")).toEqual(["BERTH_HOST"]);
    expect(await suggestions("debug", "--image", "li")).toEqual(["lib:2"]);
    expect(await suggestions("inspect", "--type", "net")).toEqual(["network"]);
    expect(await suggestions("run", "--pid", "container:d")).toEqual(["container:db"]);
    expect(await suggestions("run", "--hostname", "")).toEqual([]);
  });

  test("are filters and their values", async () => {
    expect(await suggestions("ps", "-f", "st")).toEqual(["status="]);
    expect(await suggestions("container", "ls", "--filter", "health=h")).toEqual(["health=healthy"]);
    expect(await suggestions("ps", "--filter=status=ex")).toEqual(["--filter=status=exited"]);
    expect(await suggestions("events", "--filter", "container=w")).toEqual(["container=web", "container=worker"]);
    expect(await suggestions("volume", "prune", "--filter", "la")).toEqual(["label!=", "label="]);
    expect(await suggestions("images", "--filter", "dangling=")).toEqual(["dangling=false", "dangling=true"]);
  });

  test("are none when the engine answers with an error", async () => {
    const io = new ScriptedIo({ ...engine.env, BERTH_HOST: "unix:///nonexistent.sock" });
    expect(await main(["completion", "--words=rm", "--words=w"], io)).toBe(0);
    expect(io.stdout + io.stderr).toBe("");
  });
});

test.each([...groups.map(({ name }) => name), ...entries.flatMap(({ names }) => names)])(
  "`berth help %s` is what `--help` says",
  async (name) => {
    const words = name.split(" ");
    const text = await output("help", ...words);
    const [first = name] = entries.find(({ names }) => names.includes(name))?.names ?? [];
    expect(text).toStartWith(`Usage:  berth ${words.length === 1 ? name : first}`); // the first of the names in a group
    expect(await output(...words, "--help")).toBe(text);
  },
);
