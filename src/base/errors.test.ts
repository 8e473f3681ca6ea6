import { expect, test } from "bun:test";
import { asEngineError, errnoOf, isKind, messageOf, notFound } from "./errors.ts";

test("when undoing fails as well, what failed first is told", async () => {
  const thrown = await fail().catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SuppressedError);
  expect(messageOf(thrown)).toBe("first");
  expect(isKind(thrown, "not-found")).toBe(true);
  expect(asEngineError(thrown)).toMatchObject({ kind: "not-found", message: "first" });
});

test("also its errno", () => {
  const full = Object.assign(new Error("ENOSPC: write"), { code: "ENOSPC" });
  const thrown = new SuppressedError(new Error("undo"), full);
  expect(errnoOf(thrown)).toBe("ENOSPC");
  expect(asEngineError(thrown)).toMatchObject({ kind: "no-space", message: "write: no space left on device" });
});

async function fail(): Promise<void> {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => Promise.reject(new Error("third")));
  undo.defer(() => Promise.reject(new Error("second")));
  throw notFound("first");
}
