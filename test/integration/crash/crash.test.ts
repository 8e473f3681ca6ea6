import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { databaseRows } from "../../support/database.ts";
import { moreOpenFiles, openFiles } from "../../support/descriptors.ts";
import { NO_SPARES, SHORT_LINGER, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { OneImageRegistry } from "../../support/registry.ts";
import { eventually } from "../../support/wait.ts";
import { crashPoints } from "./points.ts";
import { play, removeAll, runErrors, scenario } from "./scenario.ts";

/** Those that are passed on a read-only disk only are tried by test/integration/bad-input/read-only.test.ts. */
const POINTS = crashPoints().filter((point) => !/^(read-only|full-disk)-/.test(point));
/** Milliseconds that a daemon may take to die, and work in the background to finish. */
const PATIENCE = 30_000;

test("each crash point has a name of its own", () => {
  expect(POINTS).toEqual([...new Set(POINTS)]);
  expect(POINTS.length).toBeGreaterThan(0);
});

describe("the daemon is killed, or a step fails, between any two side effects", () => {
  let engine: TestEngine;
  let registry: OneImageRegistry;
  let clean: Set<string>;
  let rows: string[];
  let calm: ReadonlyMap<string, number>;
  const arms = () => join(engine.folder, "arms");
  const trace = () => join(engine.folder, "trace");
  const armed = () => ({ BERTH_CRASH: `@${arms()}`, BERTH_CRASH_TRACE: trace() });
  const run = () => play(engine, scenario(registry.image));
  const passed = async () => new Set((await readFile(trace(), "utf8")).split("\n"));

  beforeAll(async () => {
    registry = await OneImageRegistry.start([{ name: "file", data: "content" }]);
    engine = await startEngine({ image: false, flags: NO_SPARES, env: SHORT_LINGER, ownPool: true });
    await engine.stop();
    await writeFile(trace(), "");
    await writeFile(arms(), "");
    await engine.start(armed());
    clean = new Set(await standing());
    rows = await databaseRows(engine.dataRoot);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  async function arm(point: string, effect: string): Promise<void> {
    await writeFile(trace(), "");
    await writeFile(arms(), `${point}=${effect}`);
  }

  /** The daemon's own process is another one after each restart. */
  const standing = async () => (await inventory(engine)).filter((line) => !line.startsWith(`process ${engine.pid} `));

  async function hostIsClean(): Promise<void> {
    let left: string[] = [];
    await eventually(
      "a clean host",
      async () => {
        left = (await standing()).filter((line) => !clean.has(line));
        if (calm !== undefined) left.push(...moreOpenFiles(calm, openFiles(engine.pid)));
        return left.length === 0;
      },
      PATIENCE,
    ).catch((error: unknown) => {
      // The next test is judged by what it leaves itself.
      for (const line of left) clean.add(line);
      throw new Error(`left behind:\n${left.join("\n")}`, { cause: error });
    });
  }

  test("the scenario works, and passes every point", async () => {
    expect(await run()).toEqual([]);
    let missing: string[] = [];
    // Some are passed in the background.
    await eventually("every point", async () => {
      const names = await passed();
      missing = POINTS.filter((point) => !names.has(point));
      return missing.length === 0;
    }).catch(() => undefined);
    expect(missing).toEqual([]);
    await removeAll(engine);
    await hostIsClean();
    await eventually("the database as it was", async () =>
      isDeepStrictEqual(await databaseRows(engine.dataRoot), rows),
    );
    calm = openFiles(engine.pid);
  });

  for (const point of POINTS) {
    test(`killed at ${point}`, async () => {
      await arm(point, "kill");
      await run();
      await eventually(`the daemon's death at ${point}`, () => engine.hasEnded, PATIENCE);
      await writeFile(arms(), "");
      await engine.start(armed());
      expect(await runErrors(engine)).toEqual([]);
      await removeAll(engine);
      await hostIsClean();
    });
  }

  for (const [point, effect] of [
    ...POINTS.map((name) => [name, "ENOSPC"]),
    ...firstOfEachPlan().map((name) => [name, "EIO"]),
  ]) {
    test(`${effect} at ${point}`, async () => {
      await arm(point ?? "", effect ?? "");
      const failures = await run();
      await eventually(
        `a failure at ${point}; the scenario told ${JSON.stringify(failures)}`,
        async () => (await passed()).has(point ?? ""),
        PATIENCE,
      );
      await writeFile(arms(), "");
      expect(await engine.answers()).toBe(true);
      await removeAll(engine);
      await hostIsClean();
    });
  }

  test("afterwards everything works as before", async () => {
    expect(await run()).toEqual([]);
    await removeAll(engine);
    await hostIsClean();
  });
});

function firstOfEachPlan(): string[] {
  const plan = (point: string) => point.split(":")[0];
  return POINTS.filter((point, index) => plan(point) !== plan(POINTS[index - 1] ?? ""));
}
