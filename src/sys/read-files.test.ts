import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNative, readFiles } from "./index.ts";

const native = loadNative();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-read-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("gives texts in order, and nothing for what may be missing", async () => {
  const large = "x".repeat(100_000);
  writeFileSync(join(folder, "a"), "first\n");
  writeFileSync(join(folder, "b"), "");
  writeFileSync(join(folder, "c"), large);
  const paths = ["a", "none", "b", "c"].map((name) => join(folder, name));
  expect(await readFiles(native, paths, ["ENOENT"])).toEqual(["first\n", undefined, "", large]);
  expect(await readFiles(native, [], [])).toEqual([]);
});

test("a failure names the file", async () => {
  const failure = await readFiles(native, [folder], ["ENOENT"]).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "EISDIR", path: folder, syscall: "read" });
});

test("a file that does not end is cut off", async () => {
  const [text] = await readFiles(native, ["/dev/zero"], []);
  expect(text?.length).toBe(1 << 20);
});
