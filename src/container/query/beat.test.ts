import { expect, test } from "bun:test";
import { Beat } from "./beat.ts";

const NEVER = new AbortController().signal;

test("who waits is woken together", async () => {
  const beat = new Beat(50);
  const woken: number[] = [];
  const turns: number[] = [];
  let turn = 0;
  const count = setInterval(() => turn++, 0);
  await Promise.all(
    [1, 2, 3].map(async (name) => {
      await beat.next(NEVER);
      woken.push(name);
      turns.push(turn);
    }),
  );
  clearInterval(count);
  expect(woken).toEqual([1, 2, 3]);
  expect(new Set(turns).size).toBe(1);
});

test("a signal ends the wait", async () => {
  const beat = new Beat(1_000_000);
  const abort = new AbortController();
  const wait = beat.next(abort.signal);
  abort.abort();
  await wait;
  await beat.next(abort.signal);
  expect(abort.signal.aborted).toBe(true);
});
