import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isDeepStrictEqual } from "node:util";
import fixture from "../../fixtures/probe.json";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { settledInventory } from "../../support/recordings.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import { machine } from "./machine.ts";
import { runWorld } from "./run-world.ts";
import { WORLDS } from "./worlds.ts";

const recorded: Record<string, string[]> = fixture.worlds;
const comparable = isDeepStrictEqual(machine(), fixture.machine);
if (!comparable) {
  const here = machine();
  console.log(
    `skipped: recorded on kernel ${fixture.machine.kernel}, this is ${here.kernel} with ${here.cgroups.join("; ")}`,
  );
}

describe.skipIf(!comparable)("a container's whole world is what it is on the real engine", () => {
  const used = new Set<Difference>();
  let engine: TestEngine;
  let before: string[];
  beforeAll(async () => {
    engine = await startEngine();
    before = await inventory(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  for (const world of WORLDS) {
    test(world.name, async () => {
      const told = await runWorld(world, engine.socket);
      const wanted = recorded[world.name] ?? [];
      const explained = (line: string, of: "docker" | "berth") => {
        const reasons = DIFFERENCES.filter(
          (each) => [world.name, "*"].includes(each.world) && each[of]?.test(line) === true,
        );
        for (const each of reasons) used.add(each);
        return reasons.length > 0;
      };
      const unexplained = [
        ...without(wanted, told)
          .filter((line) => !explained(line, "docker"))
          .map((line) => `docker ${line}`),
        ...without(told, wanted)
          .filter((line) => !explained(line, "berth"))
          .map((line) => `berth  ${line}`),
      ];
      expect(unexplained).toEqual([]);
    });
  }

  test("each listed difference is one", () => {
    expect(DIFFERENCES.filter((each) => !used.has(each))).toEqual([]);
  });

  test("nothing of the worlds is left on the host", async () => {
    expect(await settledInventory(engine, before)).toEqual(before);
  });
});

/** Lines of `all` that are not in `others`, as often as they are more. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return all.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
