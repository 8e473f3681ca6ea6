import { describe, expect, test } from "bun:test";
import type { ProgressMessage } from "../api/index.ts";
import { messageOf } from "../base/index.ts";
import { byteProgress, progressStream, type Report } from "./progress.ts";
import { Slots } from "./slots.ts";

const never = new AbortController().signal;
const start = (work: (report: Report, signal: AbortSignal) => Promise<void>, errorsAsMessages = false) =>
  progressStream(work, { signal: never, errorsAsMessages });

async function all(source: AsyncIterable<ProgressMessage>): Promise<ProgressMessage[]> {
  const messages: ProgressMessage[] = [];
  for await (const message of source) messages.push(message);
  return messages;
}

describe("progress", () => {
  test("gives all messages, in order", async () => {
    const work = async (report: Report): Promise<void> => {
      report({ status: "a" });
      await Promise.resolve();
      report({ status: "b", id: "1" });
      report({ status: "c", id: "1" });
    };
    expect((await all(start(work))).map(({ status }) => status)).toEqual(["a", "b", "c"]);
  });

  test("throws an error that comes before the first message, and tells one that comes later", async () => {
    const fails = (first: boolean) => async (report: Report) => {
      if (first) report({ status: "a" });
      await Promise.resolve();
      throw new Error("broken");
    };
    expect(await all(start(fails(false))).catch(messageOf)).toBe("broken");
    const told = { errorDetail: { message: "broken" }, error: "broken" };
    expect(await all(start(fails(true)))).toEqual([{ status: "a" }, told]);
    expect(await all(start(fails(false), true))).toEqual([told]);
  });

  test("cancels the work of a reader that leaves, and waits for it", async () => {
    let ended = false;
    const work = async (report: Report, signal: AbortSignal): Promise<void> => {
      report({ status: "a" });
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended = true;
    };
    for await (const message of start(work)) {
      expect(message.status).toBe("a");
      break;
    }
    expect(ended).toBe(true);
  });

  test("keeps only the newest count of a line that nobody reads", async () => {
    const gate = Promise.withResolvers<void>();
    const work = async (report: Report): Promise<void> => {
      report({ status: "first" });
      await gate.promise;
      for (let current = 1; current <= 1000; current++) {
        report({ status: "Downloading", id: "x", progressDetail: { current, total: 1000 } });
      }
    };
    const stream = start(work);
    await stream.next();
    gate.resolve();
    expect((await all(stream)).map((message) => message.progressDetail?.current)).toEqual([1000]);
  });

  test("counts bytes at a pace, and the last ones always", () => {
    const seen: number[] = [];
    const count = byteProgress(({ progressDetail }) => seen.push(progressDetail?.current ?? 0), "x", "Extracting", 100);
    for (let current = 0; current <= 100; current++) count(current);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(100);
  });
});

test("slots let so many in, in order", async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  const held = [await slots.acquire(), await slots.acquire()];
  const waiting = [1, 2].map(async (n) => {
    using _slot = await slots.acquire();
    order.push(n);
  });
  expect(order).toEqual([]);
  held[0]?.[Symbol.dispose]();
  held[0]?.[Symbol.dispose]();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2]);
});
