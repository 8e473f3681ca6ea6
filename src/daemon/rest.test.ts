import { expect, test } from "bun:test";
import { Rest } from "./rest.ts";

/** A rest with a clock of processor time that the test turns. */
function restOf() {
  let spent = 0;
  let collected = 0;
  const rest = new Rest(
    () => spent,
    () => {
      collected++;
    },
  );
  return {
    rest,
    collected: () => collected,
    /** Ticks, each with so many milliseconds of work before it. */
    ticks: (count: number, work: number) => {
      for (let i = 0; i < count; i++) {
        spent += work;
        rest.tick();
      }
    },
  };
}

test("what was left of work is collected once, when nothing was done for a while", () => {
  const { rest, collected, ticks } = restOf();
  using _rest = rest;
  ticks(3, 2000);
  ticks(5, 10);
  expect(collected()).toBe(0);
  ticks(1, 10);
  expect(collected()).toBe(1);
  ticks(40, 10);
  expect(collected()).toBe(1);
  ticks(1, 2000);
  ticks(6, 0);
  expect(collected()).toBe(2);
});

test("work in between begins the wait again", () => {
  const { rest, collected, ticks } = restOf();
  using _rest = rest;
  for (let i = 0; i < 10; i++) {
    ticks(5, 0);
    ticks(1, 600);
  }
  expect(collected()).toBe(0);
});

test("without work there is nothing to collect", () => {
  const { rest, collected, ticks } = restOf();
  using _rest = rest;
  ticks(400, 50);
  expect(collected()).toBe(0);
});
