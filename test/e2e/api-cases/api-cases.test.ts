import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fixture from "../../fixtures/api-cases.json";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { recordedWithSuchCgroups, settledInventory } from "../../support/recordings.ts";
import { API_CASES } from "./cases.ts";
import { API_DIFFERENCES } from "./differences.ts";
import { runApiCase } from "./run-case.ts";
import type { ApiOutcome } from "./types.ts";

const recorded: Record<string, ApiOutcome[]> = fixture.cases;
describe.skipIf(!recordedWithSuchCgroups())("the API answers as the real engine does", () => {
  let engine: TestEngine;
  let before: string[];
  beforeAll(async () => {
    engine = await startEngine();
    before = await inventory(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  for (const each of API_CASES) {
    test(each.name, async () => {
      const outcomes = await runApiCase(each, engine.socket);
      const problems = each.steps.flatMap((step, index) => {
        const wanted = recorded[each.name]?.[index];
        const allowed = API_DIFFERENCES[`${each.name}#${index}`];
        const found = compare(outcomes[index], wanted, allowed?.shape ?? []);
        if (allowed?.berth !== undefined)
          return found === allowed.berth ? [] : [`#${index} differs otherwise: ${found}`];
        return found === ""
          ? []
          : [`#${index} ${step.method} ${step.path} ${JSON.stringify(step.body ?? step.text ?? "")}: ${found}`];
      });
      expect(problems).toEqual([]);
    });
  }

  test("nothing of the cases is left on the host", async () => {
    // Bodies that the real engine takes leave containers without a name to remove them by, and a volume.
    await engine.removeContainers();
    await engine.api("POST", `/volumes/prune?filters=${encodeURIComponent('{"all":["true"]}')}`);
    expect(await settledInventory(engine, before)).toEqual(before);
  });
});

test("each listed difference belongs to a step", () => {
  const steps = new Set(API_CASES.flatMap((each) => each.steps.map((_, index) => `${each.name}#${index}`)));
  expect(Object.keys(API_DIFFERENCES).filter((key) => !steps.has(key))).toEqual([]);
});

/** Tells how the answers differ; empty when they agree. `-` is what the real engine has and berth has not. */
function compare(
  got: ApiOutcome | undefined,
  wanted: ApiOutcome | undefined,
  allowed: readonly (string | RegExp)[],
): string {
  if (got === undefined || wanted === undefined) return "not recorded";
  if (got.status !== wanted.status || got.message !== wanted.message) {
    return `${got.status} ${got.message ?? ""} instead of ${wanted.status} ${wanted.message ?? ""}`;
  }
  const ours = new Set(got.shape);
  const theirs = new Set(wanted.shape);
  const lines = [
    ...[...theirs].filter((line) => !ours.has(line)).map((line) => `-${line}`),
    ...[...ours].filter((line) => !theirs.has(line)).map((line) => `+${line}`),
  ];
  const isAllowed = (line: string) =>
    allowed.some((rule) => (typeof rule === "string" ? rule === line : rule.test(line)));
  return lines.filter((line) => !isAllowed(line)).join(" ");
}
