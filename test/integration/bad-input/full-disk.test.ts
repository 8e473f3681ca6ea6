import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { dockerArchive } from "../../support/images.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";

/** The engine's disk is full: what cannot be done says so, the rest goes on, and space comes back. */
const folder = mkdtempSync(join(tmpdir(), "berth-full-"));
const MEBIBYTE = 1024 * 1024;
let engine: TestEngine;

beforeAll(async () => {
  await output("mount", ["-t", "tmpfs", "-o", "size=48m,mode=755", "full", folder]);
  engine = await startEngine({ flags: [`--data-root=${folder}/data`] });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await run("umount", [folder]);
  rmSync(folder, { recursive: true });
});

const free = async () => Number((await output("df", ["--output=avail", "-k", folder])).split("\n").at(-1));
const bulky = (name: string, size: number) =>
  dockerArchive({
    name,
    layers: [[{ name: "bulk", data: new Uint8Array(size).map((_, index) => (index * 2654435761) >>> 13) }]],
  });

test("a load that does not fit is refused, and gives its space back", async () => {
  const before = await free();
  const { text } = await engine.api("POST", "/images/load", bulky("bulky:1", 64 * MEBIBYTE));
  expect(text).toContain("no space left on device");
  await eventually("the space of before", async () => (await free()) >= before - 1024);
  const list = await engine.api("GET", "/images/json");
  expect((list.json as Array<{ RepoTags: string[] }>).flatMap((image) => image.RepoTags)).toEqual(["busybox:local"]); // its shape
});

test("with a full disk, what runs is read, stopped and removed; space is given back and used again", async () => {
  const started = await engine.berth([
    "run",
    "-d",
    "--name",
    "runs",
    "busybox:local",
    "sh",
    "-c",
    "echo said; exec sleep 1000",
  ]);
  expect(started.code).toBe(0);
  const before = await free();
  // The container itself fills the disk, to the last block.
  const filled = await engine.berth([
    "exec",
    "runs",
    "sh",
    "-c",
    "cat /dev/zero > /fill; cat /dev/zero > /rest; echo full",
  ]);
  expect(filled.stdout).toContain("full");
  expect(await free()).toBeLessThan(1024);

  const refused = [
    await engine.berth(["create", "--name", "new", "busybox:local"]),
    await engine.berth(["volume", "create", "new"]),
    await engine.berth(["load"], { input: bulky("bulky:1", 4 * MEBIBYTE) }),
  ];
  for (const { code, stderr } of refused)
    if (code !== 0) expect(stderr).toMatch(/no space left on device|disk is full/);
  expect(refused[2]?.code).toBeGreaterThan(0);

  expect((await engine.berth(["logs", "runs"])).stdout).toBe("said\n");
  expect((await engine.berth(["ps", "-q"])).stdout.split("\n").filter(Boolean)).toHaveLength(1);
  expect((await engine.api("GET", "/containers/runs/json")).status).toBe(200);
  expect((await engine.berth(["images", "-q"])).code).toBe(0);
  expect((await engine.berth(["stop", "-t", "0", "runs"])).code).toBe(0);
  expect((await engine.berth(["rm", "runs"])).code).toBe(0);
  await eventually("the space of before", async () => (await free()) >= before - 1024);

  await engine.berth(["rm", "-f", "new"]);
  await engine.berth(["volume", "rm", "-f", "new"]);
  expect((await engine.berth(["run", "--rm", "busybox:local", "echo", "fine"])).stdout).toBe("fine\n");
});
