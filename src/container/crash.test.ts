import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

interface Probe {
  point: string;
  outcome: string;
  left: Record<string, number>;
  states: string[];
  after: Record<string, number>;
}

let folder: string;
let probes: Probe[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-crash-"));
  const env = {
    ...process.env,
    BERTH_CRASH: `@${join(folder, "armed")}`,
    BERTH_CRASH_TRACE: join(folder, "trace"),
  };
  const script = join(import.meta.dirname, "testing/crash-worker.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env, maxBuffer: 16 * 1024 * 1024 });
  probes = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Probe); // printed by crash-worker.ts
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a failure at any step of create, start, exit and removal", () => {
  test("covers every step", () => {
    const plans = new Set(probes.map(({ point }) => point.split(":")[0]));
    expect([...plans].toSorted((a = "", b = "") => (a < b ? -1 : 1))).toEqual([
      "",
      "create",
      "exit",
      "remove",
      "start",
    ]);
    expect(probes.length).toBeGreaterThan(15);
  });

  test("of create leaves nothing at all", () => {
    const before = probes.filter(({ point }) => point.startsWith("create:"));
    expect(before.length).toBeGreaterThan(3);
    for (const { point, outcome, left } of before) {
      expect({ point, outcome, left: total(left) }).toEqual({ point, outcome: `EIO: injected at ${point}`, left: 0 });
    }
  });

  test("of start leaves the container as it was", () => {
    const starts = probes.filter(({ point }) => point.startsWith("start:"));
    expect(starts.length).toBeGreaterThan(5);
    for (const { point, outcome, left, states } of starts) {
      expect(outcome).toBe(`EIO: injected at ${point}`);
      expect({ point, tasks: left["tasks"], attached: left["attached"], rows: left["rows"] }).toEqual({
        point,
        tasks: 0,
        attached: 0,
        rows: 1,
      });
      expect(states).toEqual(["created"]);
    }
  });

  test("of exit and removal is the engine's business alone", () => {
    const later = probes.filter(({ point }) => /^(exit|remove):/.test(point));
    expect(later.length).toBeGreaterThan(5);
    for (const { point, outcome, left } of later) {
      expect({ point, outcome, rows: left["rows"] }).toEqual({ point, outcome: "done", rows: 0 });
    }
  });

  test("never stops the daemon from cleaning up after a restart", () => {
    for (const { point, after } of probes) {
      expect<object>({ point, ...after }).toEqual({
        point,
        tasks: 0,
        snapshots: 0,
        // A named volume is the user's and stays; an anonymous one goes with its container.
        volumes: point.startsWith("create:") ? 0 : 1,
        attached: 0,
        folders: 0,
        rows: 0,
        tombstones: 0,
      });
    }
  });
});

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
