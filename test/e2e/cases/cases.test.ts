import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fixture from "../../fixtures/cases.json";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { output } from "../../support/process.ts";
import { recordedWithSuchCgroups, settledInventory } from "../../support/recordings.ts";
import { CASES } from "./cases.ts";
import { DIFFERENCES } from "./differences.ts";
import { runCase } from "./run-case.ts";
import type { Outcome } from "./types.ts";

const recorded: Record<string, Outcome[]> = fixture.cases;
const cli = await output("docker", ["--version"]).catch(() => "no docker CLI");
// Texts of the CLI itself change between its major versions: a recording holds for one of them.
const sameCli = cli.includes(`version ${fixture.cli.split(".")[0]}.`);
if (!sameCli) console.log(`skipped: recorded with docker CLI ${fixture.cli}, this machine has ${cli}`);
const comparable = sameCli && recordedWithSuchCgroups();

describe.skipIf(!comparable)("the docker CLI gives on berth what it gives on the real engine", () => {
  let engine: TestEngine;
  let before: string[];
  beforeAll(async () => {
    engine = await startEngine();
    before = await inventory(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  for (const each of CASES) {
    test(each.name, async () => {
      const outcomes = await runCase(each, "docker", engine.clientEnv());
      const shown = outcomes.map((outcome, index) => describeStep(each.name, index, outcome));
      const wanted = (recorded[each.name] ?? []).map((outcome, index) =>
        describeStep(each.name, index, DIFFERENCES[`${each.name}#${index}`]?.berth ?? outcome),
      );
      expect(shown).toEqual(wanted);
    });
  }

  test("nothing of the cases is left on the host", async () => {
    expect(await settledInventory(engine, before)).toEqual(before);
  });

  function describeStep(name: string, index: number, outcome: Outcome): string {
    const args = CASES.find((each) => each.name === name)?.steps[index]?.args.join(" ") ?? "";
    return `#${index} docker ${args}\n→ ${outcome.code}\n${outcome.stdout}--\n${outcome.stderr}`;
  }
});

test("each listed difference belongs to a step", () => {
  const steps = new Set(CASES.flatMap((each) => each.steps.map((_, index) => `${each.name}#${index}`)));
  expect(Object.keys(DIFFERENCES).filter((key) => !steps.has(key))).toEqual([]);
});
