import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ROOT, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { recordedWithSuchCgroups, settledInventory } from "../../support/recordings.ts";
import { membersOfCreate } from "../matrix/cases.ts";
import { differences } from "../matrix/compare.ts";
import type { MatrixDifference } from "../matrix/differences.ts";
import { inParallel } from "../matrix/pool.ts";
import { readRecording, thisMachine } from "../matrix/recording.ts";
import { effectAttempts, NOT_STARTED, WITHOUT_EFFECT } from "./attempts.ts";
import { EFFECT_DIFFERENCES } from "./differences.ts";
import { Effects } from "./run-effect.ts";

const matrix = readRecording(`${ROOT}/test/fixtures/matrix.json`);
const recorded = readRecording(`${ROOT}/test/fixtures/effects.json`);
const attempts = effectAttempts(matrix);
const used = new Set<MatrixDifference>();
/** Milliseconds; a section is up to thirty containers. */
const PATIENCE = 600_000;

const sameMachine = thisMachine() === recorded.machine;
if (!sameMachine) console.log(`skipped: recorded with ${recorded.machine}, this machine has ${thisMachine()}`);

describe.skipIf(!recordedWithSuchCgroups() || !sameMachine)("what becomes of a container on the real engine", () => {
  let engine: TestEngine;
  let effects: Effects;
  let before: string[];
  beforeAll(async () => {
    engine = await startEngine();
    before = await inventory(engine);
    effects = await Effects.on(engine.socket);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  for (const [section, ofSection] of attempts) {
    test(
      section,
      async () => {
        const wanted = new Map(
          (recorded.groups[section] ?? []).flatMap(([outcome, keys]) => keys.map((key) => [key, outcome] as const)),
        );
        const lines = await inParallel(ofSection, 4, async (attempt) =>
          differences(attempt.key, await effects.attempt(attempt), wanted.get(attempt.key)),
        );
        expect(lines.flat().filter((line) => !isExplained(line))).toEqual([]);
        expect([...wanted.keys()].filter((key) => !ofSection.some((attempt) => attempt.key === key))).toEqual([]);
      },
      PATIENCE,
    );
  }

  test("nothing of the attempts is left on the host", async () => {
    await effects[Symbol.asyncDispose]();
    expect(await settledInventory(engine, before)).toEqual(before);
  });

  test("each listed difference is one", () => {
    expect(EFFECT_DIFFERENCES.filter((each) => !used.has(each)).map(({ lines }) => lines)).toEqual([]);
  });
});

test("a container of each member of a create body is started, or it is said why not", () => {
  const members = membersOfCreate().map(({ shape, member }) => `${shape}.${member}`);
  expect(members.filter((name) => !attempts.has(name) && !Object.hasOwn(WITHOUT_EFFECT, name))).toEqual([]);
  expect(Object.keys(WITHOUT_EFFECT).filter((name) => attempts.has(name) || !members.includes(name))).toEqual([]);
});

test("each reason not to start a container is one", () => {
  const keys = Object.values(matrix.groups).flatMap((groups) => groups.flatMap(([, names]) => names));
  expect(NOT_STARTED.filter((each) => !keys.some((key) => each.keys.test(key)))).toEqual([]);
});

function isExplained(line: string): boolean {
  const reasons = EFFECT_DIFFERENCES.filter(({ lines }) => lines.test(line));
  for (const each of reasons) used.add(each);
  return reasons.length > 0;
}
