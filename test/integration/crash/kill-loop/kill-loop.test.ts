import { expect, test } from "bun:test";
import { killLoop } from "./loop.ts";

test("nothing that clients were told is wrong after fifty kills", async () => {
  const result = await killLoop(50, 20_240_101);
  expect(result.violations).toEqual([]);
  expect(result.interrupted).toBeGreaterThan(0);
  expect([...result.operations.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
}, 600_000);
