import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startEngine, type TestEngine } from "../support/engine.ts";

/** What is different about containers that go with their exit: nothing is flushed to the disk for them. */

setDefaultTimeout(120_000);

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());

const rootOptions = async (name: string) => {
  const { stdout } = await engine.docker(["exec", name, "grep", " / overlay ", "/proc/mounts"]);
  return stdout.split(" ")[3]?.trim().split(",") ?? []; // "volatile", in newer kernels "fsync=volatile"
};

test("a container with --rm is volatile and keeps its files over a restart, another one is not volatile", async () => {
  await engine.docker(["run", "-d", "--rm", "--network", "none", "--name", "gone", "busybox:local", "sleep", "600"]);
  await engine.docker(["run", "-d", "--network", "none", "--name", "kept", "busybox:local", "sleep", "600"]);
  await engine.docker(["exec", "gone", "sh", "-c", "echo hello >/file && sync"]);

  await engine.docker(["restart", "-t", "0", "gone"]);

  expect((await rootOptions("gone")).at(-1)).toMatch(/^(fsync=)?volatile$/);
  expect((await rootOptions("kept")).join(" ")).not.toMatch(/\bvolatile\b/);
  expect((await engine.docker(["exec", "gone", "cat", "/file"])).stdout).toBe("hello\n");
  await engine.docker(["rm", "-f", "gone", "kept"]);
});
