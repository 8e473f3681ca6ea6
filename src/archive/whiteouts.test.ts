import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNative, type Native } from "../sys/index.ts";
import { type Archiver, createArchiver } from "./index.ts";
import { type Sketch, streamOf, tarOf } from "./testing/tar-of.ts";

setDefaultTimeout(60_000);

let native: Native;
let archiver: Archiver;
let target: string;

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());
beforeEach(() => {
  target = mkdtempSync(join(tmpdir(), "berth-whiteouts-"));
});
afterEach(() => rmSync(target, { recursive: true, force: true }));

const unpack = (whiteouts: "overlay" | "apply", ...sketches: Sketch[]) =>
  archiver.unpack({ source: streamOf(tarOf(...sketches)), target: { path: target }, whiteouts });
const at = (name: string) => join(target, name);
const directory = (name: string): Sketch => ({ name, type: "directory" });

function isWhiteout(name: string): boolean {
  const status = native.statx(-100, at(name), 0x100);
  return (status.mode & 0o170000) === 0o020000 && status.rdevMajor === 0 && status.rdevMinor === 0;
}

function isOpaque(name: string): boolean {
  try {
    return native.lgetxattr(at(name), "trusted.overlay.opaque").toString() === "y";
  } catch {
    return false;
  }
}

describe("as overlay keeps them", () => {
  test("a whiteout is a 0/0 device, with its missing parents", async () => {
    await unpack("overlay", { name: "a/b/.wh.gone", uid: 7 });

    expect(isWhiteout("a/b/gone")).toBe(true);
    expect(lstatSync(at("a/b/gone")).uid).toBe(7);
    expect(lstatSync(at("a/b")).mode & 0o777).toBe(0o755);
    expect(existsSync(at("a/b/.wh.gone"))).toBe(false);
  });

  test("an opaque mark is an attribute of its directory", async () => {
    await unpack("overlay", directory("d"), { name: "d/.wh..wh..opq" }, { name: "d/new", content: "x" });

    expect(isOpaque("d")).toBe(true);
    expect(readdirSync(at("d"))).toEqual(["new"]);
  });

  test.each([["before"], ["after"]])("a file that the layer brings %s its whiteout is there", async (order) => {
    const pair: Sketch[] = [{ name: ".wh.f" }, { name: "f", content: "new" }];

    await unpack("overlay", ...(order === "after" ? pair : pair.toReversed()));

    expect(readFileSync(at("f"), "utf8")).toBe("new");
  });

  test.each([["before"], ["after"]])("a directory that comes %s its whiteout hides the lower one", async (order) => {
    const pair: Sketch[] = [{ name: "w/.wh.d" }, directory("w/d")];

    await unpack("overlay", ...(order === "after" ? pair : pair.toReversed()), { name: "w/d/in", content: "x" });

    expect(isOpaque("w/d")).toBe(true);
    expect(readdirSync(at("w/d"))).toEqual(["in"]);
  });

  test("relics of aufs leave nothing", async () => {
    await unpack("overlay", directory(".wh..wh.plnk"), { name: ".wh..wh.plnk/1.2" }, { name: ".wh..wh.aufs" });

    expect(readdirSync(target)).toEqual([]);
  });
});

describe("applied to a whole tree", () => {
  beforeEach(() => {
    mkdirSync(at("d/old"), { recursive: true });
    writeFileSync(at("d/old/deep"), "");
    writeFileSync(at("d/file"), "");
    writeFileSync(at("f"), "old");
  });

  test("a whiteout removes a file, a directory, or nothing", async () => {
    await unpack("apply", { name: ".wh.f" }, { name: "d/.wh.old" }, { name: "d/.wh.never" }, { name: "no/.wh.way" });

    expect(readdirSync(target)).toEqual(["d"]);
    expect(readdirSync(at("d"))).toEqual(["file"]);
  });

  test.each([["before"], ["after"]])(
    "an opaque mark that comes %s the content keeps the layer's own",
    async (order) => {
      const mark: Sketch = { name: "d/.wh..wh..opq" };
      const content: Sketch[] = [
        { name: "d/old/mine", content: "x" },
        { name: "d/new", content: "x" },
      ];

      await unpack("apply", directory("d"), ...(order === "before" ? [mark, ...content] : [...content, mark]));

      expect(readdirSync(at("d")).sort()).toEqual(["new", "old"]);
      expect(readdirSync(at("d/old"))).toEqual(["mine"]);
    },
  );

  test("a whiteout after the layer's own file leaves it", async () => {
    await unpack("apply", { name: "f", content: "new" }, { name: ".wh.f" });

    expect(readFileSync(at("f"), "utf8")).toBe("new");
  });

  test("a file takes a directory's place, and a directory a file's", async () => {
    await unpack("apply", { name: "d", content: "x" }, directory("f"), { name: "f/in", content: "y" });

    expect(readFileSync(at("d"), "utf8")).toBe("x");
    expect(readdirSync(at("f"))).toEqual(["in"]);
  });
});

test("directories keep their times though content comes after", async () => {
  await unpack(
    "overlay",
    { ...directory("d"), mtime: 1000, mtimeNanos: 5 },
    { name: "d/a", content: "x" },
    { ...directory("d/e"), mtime: 2000 },
    { name: "d/e/b", content: "x" },
  );

  expect(native.statx(-100, at("d"), 0).mtime).toBe(1_000_000_000_005n);
  expect(native.statx(-100, at("d/e"), 0).mtime).toBe(2_000_000_000_000n);
});

test("times before 1970 and past 2262 become zero, as in Docker", async () => {
  await unpack("overlay", { name: "early", mtime: -5 }, { name: "late", mtime: 2 ** 34 });

  expect([lstatSync(at("early")).mtimeMs, lstatSync(at("late")).mtimeMs]).toEqual([0, 0]);
});

test("a hard link's own header counts for the inode", async () => {
  await unpack(
    "overlay",
    { name: "one", content: "x", mode: 0o600 },
    { name: "two", type: "hardlink", linkName: "/one", mode: 0o4755, uid: 3 },
  );

  expect(lstatSync(at("one")).mode & 0o7777).toBe(0o4755);
  expect(lstatSync(at("one")).ino).toBe(lstatSync(at("two")).ino);
});
