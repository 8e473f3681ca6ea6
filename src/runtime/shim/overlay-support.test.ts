import { expect, test } from "bun:test";
import { openSync, readlinkSync } from "node:fs";
import { overlayNeedsMount2 } from "./overlay-support.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });

function kernel(fsopen: () => number, fsconfig: () => Promise<void>) {
  return { fsopen, fsconfig };
}

test("a kernel that takes any option of overlay has only mount(2) for it", async () => {
  const context = openSync("/dev/null", "r");
  expect(
    await overlayNeedsMount2(
      kernel(
        () => context,
        async () => undefined,
      ),
    ),
  ).toBe(true);
  expect(() => readlinkSync(`/proc/self/fd/${context}`)).toThrow();
});

test("one that knows its options does not", async () => {
  const context = () => openSync("/dev/null", "r");
  expect(await overlayNeedsMount2(kernel(context, () => Promise.reject(failure("EINVAL"))))).toBe(false);
});

test("without overlay the mount is left to fail by itself", async () => {
  const missing = () => {
    throw failure("ENODEV");
  };
  expect(await overlayNeedsMount2(kernel(missing, async () => undefined))).toBe(false);
});
