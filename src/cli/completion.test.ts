import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { main } from "./index.ts";
import { entries, groups } from "./table.ts";
import { FakeEngine } from "./testing/fake-engine.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

let engine: FakeEngine;
beforeAll(async () => {
  engine = await FakeEngine.start(({ path }) => {
    if (path === "/containers/json") return { json: [{ Names: ["/web"] }, { Names: ["/worker"] }, { Names: ["/db"] }] };
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
      COMP_WORDS=(berth rm "a b" w) COMP_CWORD=3; _berth; printf '%s|' "\${COMPREPLY[@]}"`;
    expect(spawnSync("bash", ["-c", ask]).stdout.toString()).toBe("completion|got-rm|got-a b|got-w|");
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
    expect(await suggestions("rmi", "")).toEqual([]); // the engine answers with an error: there is nothing to offer
  });
});

test.each([...groups.map(({ name }) => name), ...entries.flatMap(({ names }) => names)])(
  "`berth help %s` is what `--help` says",
  async (name) => {
    const words = name.split(" ");
    const text = await output("help", ...words);
    expect(text).toStartWith(`Usage:  berth ${name}`);
    expect(await output(...words, "--help")).toBe(text);
  },
);
