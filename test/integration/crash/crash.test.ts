import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { eventually } from "../../support/wait.ts";
import { crashPoints } from "./points.ts";
import { play, removeAll } from "./scenario.ts";

/** Points that the scenario cannot pass, each with the test that does. */
const ELSEWHERE: Readonly<Record<string, string>> = {};

const POINTS = crashPoints();

test("each crash point has a name of its own", () => {
  expect(POINTS).toEqual([...new Set(POINTS)]);
  expect(POINTS.length).toBeGreaterThan(0);
});

describe("the daemon is killed, or a step fails, between any two side effects", () => {
  let engine: TestEngine;
  let clean: string[];
  const arms = () => join(engine.folder, "arms");
  const trace = () => join(engine.folder, "trace");
  const armed = () => ({ BERTH_CRASH: `@${arms()}`, BERTH_CRASH_TRACE: trace() });

  beforeAll(async () => {
    engine = await startEngine({ image: false });
    await engine.stop();
    await writeFile(trace(), "");
    await writeFile(arms(), "");
    await engine.start(armed());
    clean = await inventory(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  /** The daemon's own process is another one after each restart. */
  const withoutDaemon = (lines: string[]) => lines.filter((line) => !/^process \d+ \S*berth daemon/.test(line));

  async function hostIsClean(): Promise<void> {
    let left: string[] = [];
    await eventually("a clean host", async () => {
      left = withoutDaemon(await inventory(engine)).filter((line) => !withoutDaemon(clean).includes(line));
      return left.length === 0;
    }).catch((error: unknown) => {
      throw new Error(`left behind:\n${left.join("\n")}`, { cause: error });
    });
  }

  test("the scenario works, and passes every point", async () => {
    expect(await play(engine)).toEqual([]);
    const passed = new Set((await readFile(trace(), "utf8")).split("\n"));
    expect(POINTS.filter((point) => !passed.has(point) && !(point in ELSEWHERE))).toEqual([]);
    await removeAll(engine);
    await hostIsClean();
  });

  for (const point of POINTS.filter((each) => !(each in ELSEWHERE))) {
    test(`killed at ${point}`, async () => {
      await writeFile(arms(), `${point}=kill`);
      await play(engine);
      await engine.ended();
      await writeFile(arms(), "");
      await engine.start(armed());
      await removeAll(engine);
      await hostIsClean();
    });

    test(`no space at ${point}`, async () => {
      await writeFile(arms(), `${point}=ENOSPC`);
      await play(engine);
      await writeFile(arms(), "");
      expect(await engine.answers()).toBe(true);
      await removeAll(engine);
      await hostIsClean();
    });
  }

  test("afterwards everything works as before", async () => {
    expect(await play(engine)).toEqual([]);
    await removeAll(engine);
    await hostIsClean();
  });
});
