import { afterEach, beforeEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSpreadDirectory, runFileSteps } from "./file-steps.ts";
import { loadNative } from "./native.ts";

const native = loadNative();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-steps-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

test("steps are made in order", async () => {
  await runFileSteps(native, [
    { op: "mkdir", path: at("a"), mode: 0o700 },
    { op: "write", path: at("a/new"), data: "häuser", mode: 0o600 },
    { op: "rename", from: at("a/new"), to: at("a/file") },
    { op: "poke", path: at("a/file"), data: "H" },
    { op: "symlink", target: "../x", path: at("a/link") },
    { op: "write", path: at("empty"), data: "", mode: 0o644 },
    { op: "empty", path: at("empty") },
  ]);

  expect(readFileSync(at("a/file"), "utf8")).toBe("Häuser");
  expect(lstatSync(at("a/file")).mode & 0o777).toBe(0o600);
  expect(lstatSync(at("a")).mode & 0o777).toBe(0o700);
  expect(readlinkSync(at("a/link"))).toBe("../x");

  await runFileSteps(native, [
    { op: "unlink", path: at("a/file") },
    { op: "unlink", path: at("a/link") },
    { op: "unlink", path: at("a/none"), missing: true },
    { op: "rmdir", path: at("a") },
    { op: "rmdir", path: at("a"), missing: true },
  ]);
  expect(readdirSync(folder)).toEqual(["empty"]);
});

test("a directory whose own ones are spread is one like others, on any file system", async () => {
  await runFileSteps(native, [
    { op: "mkdir", path: at("top"), mode: 0o700 },
    { op: "spread", path: at("top") },
    { op: "mkdir", path: at("top/inner"), mode: 0o755 },
  ]);
  expect(readdirSync(at("top"))).toEqual(["inner"]);
  // procfs knows nothing of it.
  await runFileSteps(native, [{ op: "spread", path: "/proc/self" }]);
  const missing = runFileSteps(native, [{ op: "spread", path: at("none") }]);
  expect(await missing.catch((error: unknown) => error)).toMatchObject({ code: "ENOENT", syscall: "spread" });
});

test("a directory of containers' directories has ext4's mark, also when it was there before", async () => {
  const EXT4 = 0xef53;
  await makeSpreadDirectory(native, at("outer/top"), 0o710);
  expect(lstatSync(at("outer/top")).mode & 0o777).toBe(0o710);
  const marked = execFileSync("lsattr", ["-d", folder, at("outer/top")], { encoding: "utf8" })
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ", 1)[0]?.includes("T"));
  if (statfsSync(folder).type === EXT4) expect(marked).toEqual([false, true]);
  else console.log("skipped: the temporary folder is not on ext4, which alone knows the mark");
  await makeSpreadDirectory(native, at("outer/top"), 0o710);
  expect(readdirSync(at("outer"))).toEqual(["top"]);
});

test("the first that fails is the last, and is told", async () => {
  const failed = async (steps: Parameters<typeof runFileSteps>[1]) =>
    await runFileSteps(native, steps).catch((error: unknown) => error);

  const busy = await failed([
    { op: "mkdir", path: at("a"), mode: 0o700 },
    { op: "mkdir", path: at("a/b"), mode: 0o700 },
    { op: "rmdir", path: at("a"), missing: true },
    { op: "mkdir", path: at("never"), mode: 0o700 },
  ]);
  expect(busy).toMatchObject({ code: "ENOTEMPTY", syscall: "rmdir", path: at("a") });
  expect(existsSync(at("never"))).toBe(false);

  await runFileSteps(native, [{ op: "write", path: at("full"), data: "x", mode: 0o644 }]);
  expect(await failed([{ op: "empty", path: at("full") }])).toMatchObject({ code: "ENOTEMPTY" });
  expect(await failed([{ op: "poke", path: at("none"), data: "1" }])).toMatchObject({ code: "ENOENT" });
  expect(await failed([{ op: "rename", from: at("none"), to: at("x") }])).toMatchObject({ path: at("none") });
});
