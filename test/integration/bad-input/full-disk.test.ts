import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { dockerArchive } from "../../support/images.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";
import { crashPoints } from "../crash/points.ts";

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

describe("on a disk that others keep full", () => {
  const rest = join(folder, "rest");
  const fill = () => run("sh", ["-c", `cat /dev/zero >>${rest}`]);
  const refill = async <T>(work: Promise<T>) => {
    const result = await work;
    await fill();
    return result;
  };
  const berth = (...args: string[]) => refill(engine.berth(args));

  beforeAll(async () => {
    for (const name of ["one", "two", "three"]) {
      expect((await engine.berth(["run", "--name", "source", "busybox:local", "touch", `/${name}`])).code).toBe(0);
      expect((await engine.berth(["commit", "source", `made:${name}`])).code).toBe(0);
      expect((await engine.berth(["rm", "source"])).code).toBe(0);
      expect((await engine.berth(["volume", "create", name])).code).toBe(0);
      expect((await engine.berth(["network", "create", name])).code).toBe(0);
      expect((await engine.berth(["run", "--name", name, "busybox:local", "true"])).code).toBe(0);
    }
    expect((await engine.berth(["run", "-d", "--name", "stays", "busybox:local", "sleep", "1000"])).code).toBe(0);
    await fill();
  });
  afterAll(async () => {
    rmSync(rest);
    await engine.berth(["rm", "-f", "stays"]);
  });

  async function removeAll(name: string): Promise<void> {
    const untagged = await berth("rmi", `made:${name}`);
    expect([untagged.code, untagged.stdout]).toEqual([
      0,
      expect.stringContaining(`Untagged: made:${name}\nDeleted: sha256:`),
    ]);
    for (const kind of [["volume", "rm"], ["network", "rm"], ["rm"]])
      expect(await berth(...kind, name)).toEqual({ code: 0, stdout: `${name}\n`, stderr: "" });
  }

  test("images, volumes, networks and containers are removed", () => removeAll("one"));

  test("the same by a daemon that starts then, in good order", async () => {
    await engine.stop();
    await fill();
    await engine.start();
    await removeAll("two");
  });

  test("and by one that starts after a kill: what runs is entered, and all that is unused goes at once", async () => {
    await engine.kill9();
    await fill();
    await engine.start();
    expect((await berth("exec", "stays", "echo", "inside")).stdout).toBe("inside\n");
    const all = await berth("system", "prune", "-af", "--volumes");
    expect([all.code, all.stdout]).toEqual([0, expect.stringMatching(/untagged: made:three[^]*Total reclaimed space/)]);
    expect((await berth("images", "--format", "{{.Repository}}")).stdout).toBe("busybox\n");
    expect((await berth("network", "ls", "-qf", "type=custom")).stdout).toBe("");
  });
});

describe("without room for a single record", () => {
  const ballast = join(folder, "ballast");
  const notes = () => readdirSync(join(engine.execRoot, "removed"));
  const names = async () =>
    (await engine.berth(["ps", "-a", "--format", "{{.Names}}"])).stdout.trim().split("\n").sort();
  let volumes = 0;

  /** Until nothing can be recorded any more: what is kept for that time is used up, too, in steps that grow smaller. */
  async function exhaust(): Promise<void> {
    for (const size of [100_000, 10_000, 1000, 0]) {
      await eventually("a refusal", async () => {
        await run("sh", ["-c", `cat /dev/zero >>${ballast}`]);
        const request = { Name: `v${volumes++}`, Labels: { filler: "x".repeat(size) } };
        const { status, text } = await engine.api("POST", "/volumes/create", request);
        if (status === 201) return false;
        expect(text).toContain("no space left on device");
        return true;
      });
    }
  }

  beforeAll(async () => {
    for (const name of ["first", "second", "third"])
      expect((await engine.berth(["run", "--name", name, "busybox:local", "sh", "-c", "echo over >/file"])).code).toBe(
        0,
      );
    const script = "echo said; exec sleep 1000";
    expect((await engine.berth(["run", "-d", "--name", "runs", "busybox:local", "sh", "-c", script])).code).toBe(0);
  });

  test("a container is removed, and what is new is refused", async () => {
    await exhaust();
    expect(await engine.berth(["rm", "first"])).toEqual({ code: 0, stdout: "first\n", stderr: "" });
    expect(await names()).toEqual(["runs", "second", "third"]);
    await exhaust();
    expect((await engine.berth(["run", "busybox:local", "true"])).stderr).toContain("no space left on device");
  });

  const points = ["full-disk-remove:folder", "full-disk-remove:snapshot"];
  test.each([
    ["second", points[0] ?? ""],
    ["third", points[1] ?? ""],
  ])("%s is gone also when the daemon is killed at %s, and the next one starts", async (name, point) => {
    await exhaust();
    await engine.kill9();
    await engine.start({ BERTH_CRASH: `${point}=kill` });
    await exhaust();
    expect((await engine.berth(["rm", name])).code).toBe(1);
    await eventually("the daemon's death", () => engine.hasEnded);
    await run("sh", ["-c", `cat /dev/zero >>${ballast}`]);
    await engine.start();
    expect(await names()).not.toContain(name);
    expect(await engine.berth(["exec", "runs", "echo", "inside"])).toEqual({ code: 0, stdout: "inside\n", stderr: "" });
    expect((await engine.berth(["logs", "runs"])).stdout).toBe("said\n");
  });

  test("once there is room again, all is as it should be", async () => {
    rmSync(ballast);
    expect((await engine.berth(["stop", "-t", "0", "runs"])).code).toBe(0);
    expect((await engine.berth(["rm", "runs"])).code).toBe(0);
    await eventually("no notes, and nothing of the containers", async () => {
      return notes().length === 0 && readdirSync(join(folder, "data/containers")).length === 0;
    });
    expect((await engine.berth(["run", "--rm", "busybox:local", "echo", "fine"])).stdout).toBe("fine\n");
    expect((await engine.berth(["volume", "prune", "-af"])).code).toBe(0);
  });

  test("every crash point of such removals is tried", () => {
    expect(crashPoints().filter((point) => point.startsWith("full-disk-"))).toEqual(points);
  });
});
