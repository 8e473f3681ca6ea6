import { expect, test } from "bun:test";
import { errnoOf } from "../base/index.ts";
import { recordingNative } from "./recording.ts";

test("calls are recorded, answered, and fail on demand once", () => {
  const fake = recordingNative({ umask: (mask) => mask + 1 });
  expect(fake.native.umask(1)).toBe(2);
  fake.failNext("umask", "EPERM");
  let code: string | undefined;
  try {
    fake.native.umask(3);
  } catch (error) {
    code = errnoOf(error);
  }
  expect(code).toBe("EPERM");
  expect(fake.native.umask(5)).toBe(6);
  expect(fake.calls.map((call) => call.args)).toEqual([[1], [3], [5]]);
});

test("a call without an answer says so", () => {
  expect(() => recordingNative().native.kill(1, 0)).toThrow("no answer for kill");
});
