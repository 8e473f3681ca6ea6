import { expect, test } from "bun:test";
import { Rest, restSteps } from "./rest.ts";

/** A rest with a clock of processor time that the test turns. */
function restOf() {
  let spent = 0;
  let collected = 0;
  let forgotten = 0;
  const rest = new Rest(
    () => spent,
    [
      { after: 30_000, act: () => void collected++ },
      { after: 300_000, act: () => void forgotten++ },
    ],
  );
  return {
    rest,
    collected: () => collected,
    forgotten: () => forgotten,
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

test("a long rest has a step of its own, once for the work before it", () => {
  const { rest, collected, forgotten, ticks } = restOf();
  using _rest = rest;
  ticks(1, 2000);
  ticks(20, 10);
  ticks(1, 200);
  ticks(59, 10);
  expect([collected(), forgotten()]).toEqual([1, 0]);
  ticks(1, 10);
  expect([collected(), forgotten()]).toEqual([1, 1]);
  ticks(200, 10);
  expect([collected(), forgotten()]).toEqual([1, 1]);
  ticks(1, 600);
  ticks(60, 0);
  expect([collected(), forgotten()]).toEqual([2, 2]);
});

test("what a step costs does not end the rest that it is part of", () => {
  const { rest, collected, forgotten, ticks } = restOf();
  using _rest = rest;
  ticks(1, 2000);
  ticks(6, 10);
  expect(collected()).toBe(1);
  ticks(1, 400);
  ticks(53, 10);
  expect([collected(), forgotten()]).toEqual([1, 1]);
});

test("in this build there is something that forgets the code", () => {
  expect(() => restSteps().map(({ act }) => act())).not.toThrow();
});
