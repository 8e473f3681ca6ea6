import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { dockerArchive, image, stream, tar } from "./testing/archives.ts";
import { call, collect, lines, testEngine } from "./testing/engine.ts";

setDefaultTimeout(600_000);

/** Every step of load, removal and what they do with snapshots. */
const POINTS = [
  "image-layer:blob-kept",
  "image-layer:committed",
  "image-layer:blobs-synced",
  "image-load:layers-ready",
  "image-collect:begun",
  "image-collect:rows-deleted",
  "image-collect:snapshots-removed",
  "snapshot-prepare:made",
  "snapshot-prepare:recorded",
  "snapshot-commit:recorded",
  "snapshot-remove:unrecorded",
  "snapshot-remove:moved",
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-image-crash-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (
  args: string[],
  env: Record<string, string>,
): Promise<{ stdout: string; signal: string | undefined }> => {
  const script = join(import.meta.dirname, "testing/crash-worker.ts");
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], {
      env: { ...process.env, ...env },
    });
    return { stdout, signal: undefined };
  } catch (error) {
    const { signal, stderr } = error as { signal?: string; stderr?: string }; // execFile's error
    if (signal === undefined || signal === null) throw new Error(stderr ?? String(error), { cause: error });
    return { stdout: "", signal };
  }
};

const newRoot = (name: string): string => {
  const root = join(folder, name.replace(":", "-"));
  mkdirSync(root);
  return root;
};

/** Boots on the root, sweeps, and loads anew: whatever happened before, that has to work and leave nothing over. */
async function expectSound(root: string): Promise<void> {
  await using engine = await testEngine({ root });
  await engine.snapshots.sweep();
  await engine.images.sweep();
  expect(engine.leftovers()).toEqual([]);
  for (const row of await engine.images.list({ all: true, filters: new Map(), sharedSize: false, manifests: false })) {
    const { topChainId } = await engine.images.resolve(row.Id);
    expect(engine.snapshots.has(topChainId ?? "")).toBe(true);
  }
  const again = dockerArchive([{ image: image([tar([{ name: "base", data: "base" }])]), tags: ["crash:again"] }]);
  const said = lines(await collect(engine.images.load(stream(again), { quiet: true, platforms: [] }, call)));
  expect(said).toEqual(["Loaded image: crash:again"]);
}

describe("images", () => {
  test("pass every point that is listed here", async () => {
    const trace = join(folder, "trace");
    const root = newRoot("trace-root");
    await run([root], { BERTH_CRASH_TRACE: trace });
    const passed = new Set(readFileSync(trace, "utf8").trim().split("\n"));
    expect(POINTS.filter((point) => !passed.has(point))).toEqual([]);
    expect([...passed].filter((point) => point.startsWith("image-") && !POINTS.includes(point))).toEqual([]);
    await expectSound(root);
  });

  for (const point of POINTS) {
    test(`are whole after a kill at ${point}`, async () => {
      const root = newRoot(`kill-${point}`);
      expect((await run([root], { BERTH_CRASH: `${point}=kill` })).signal).toBe("SIGKILL");
      await expectSound(root);
    });
  }

  for (const point of POINTS.filter((name) => name.startsWith("image-"))) {
    test(`leave nothing when the disk is full at ${point}`, async () => {
      const root = newRoot(`full-${point}`);
      const armed = join(folder, `armed-${point.replace(":", "-")}`);
      writeFileSync(armed, `${point}=ENOSPC`);
      const { stdout } = await run([root, armed], { BERTH_CRASH: `@${armed}` });
      // What is collected is removed for everybody: that it takes another try is not told.
      const error = point.startsWith("image-collect:") ? "" : `ENOSPC: injected at ${point}`;
      expect(JSON.parse(stdout)).toEqual({ error, left: [] });
      await expectSound(root);
    });
  }
});
