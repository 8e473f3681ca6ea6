import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../base/index.ts";
import { loadNative } from "../sys/index.ts";
import { type Archiver, createArchiver, type UnpackResult } from "./index.ts";
import { makeRichTree } from "./testing/rich-tree.ts";
import { bytesOf, streamOf } from "./testing/tar-of.ts";

/** A tar comes out of its split and the tree that it was unpacked in, bit for bit, or not at all. */

setDefaultTimeout(120_000);

let archiver: Archiver;
let place: string;
let source: string;
let target: string;
let split: string;

beforeAll(() => {
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "berth-split-"));
  source = join(place, "source");
  target = join(place, "target");
  split = join(place, "split");
  mkdirSync(source);
  mkdirSync(target);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const systemTar = (...args: string[]) =>
  execFileSync("tar", args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
const unpack = (data: Buffer, chunk?: number) =>
  archiver.unpack({
    source: streamOf(data, chunk),
    target: { path: target },
    whiteouts: "overlay",
    splitTo: split,
  });
const joined = ({ diffId }: UnpackResult) => bytesOf(archiver.join({ split, root: { path: target }, diffId }));
const failure = (work: Promise<unknown>): Promise<string> => work.then(() => "no error", messageOf);

/** Files below, at and above the size that the split keeps, and one larger than its blocks. */
function makeFiles(): void {
  for (const size of [0, 1, 511, 4096, 4097, 300_000]) {
    writeFileSync(join(source, `file-${size}`), Buffer.alloc(size, `${size},`));
  }
}

describe("the tar of a tree", () => {
  for (const format of ["pax", "gnu", "ustar"]) {
    test(`comes out as it went in (${format})`, async () => {
      makeFiles();
      mkdirSync(join(source, "a/b"), { recursive: true });
      writeFileSync(join(source, "a/b", "n".repeat(99)), Buffer.alloc(10_000, 7));
      symlinkSync("a/b", join(source, "link"));
      const tar = systemTar("-C", source, "--format", format, "-cf", "-", ".");

      const result = await unpack(tar, 777);

      expect(result.split?.size).toBe(statSync(split).size);
      expect((await joined(result)).equals(tar)).toBe(true);
    });
  }

  test("comes out with special files, links and attributes", async () => {
    makeRichTree(loadNative(), source);
    const tar = await bytesOf(archiver.pack({ root: { path: source }, whiteouts: "none" }));

    expect((await joined(await unpack(tar))).equals(tar)).toBe(true);
  });

  test("comes out with what follows its end, and with a whiteout that has content", async () => {
    makeFiles();
    writeFileSync(join(source, ".wh.gone"), Buffer.alloc(9000, "w"));
    const tar = Buffer.concat([systemTar("-C", source, "-cf", "-", "."), Buffer.alloc(5000, "behind")]);

    expect((await joined(await unpack(tar))).equals(tar)).toBe(true);
  });

  test("takes far less room than the tar", async () => {
    writeFileSync(join(source, "large"), createNoise(2_000_000));
    const { split: made } = await unpack(systemTar("-C", source, "-cf", "-", "."));

    expect(made?.size).toBeLessThan(10_000);
  });
});

describe("no split is given", () => {
  test("of a tar that replaces its own files", async () => {
    writeFileSync(join(source, "file"), Buffer.alloc(5000, "first"));
    const first = systemTar("-C", source, "-cf", "-", "file").subarray(0, 512 + 5120);
    writeFileSync(join(source, "file"), Buffer.alloc(6000, "second"));

    const result = await unpack(Buffer.concat([first, systemTar("-C", source, "-cf", "-", "file")]));

    expect(result.split).toBeUndefined();
  });

  test("of sparse files", async () => {
    writeFileSync(join(source, "sparse"), "start");
    truncateSync(join(source, "sparse"), 10_000_000);
    const result = await unpack(systemTar("-C", source, "--sparse", "-cf", "-", "sparse"));

    expect(result.split).toBeUndefined();
  });

  test("of an archive that is refused, whose file is removed", async () => {
    expect(await failure(unpack(Buffer.alloc(600, "junk")))).toContain("invalid tar header");
    expect(existsSync(split)).toBe(false);
  });
});

describe("what was changed is told", () => {
  let result: UnpackResult;
  beforeEach(async () => {
    makeFiles();
    result = await unpack(systemTar("-C", source, "-cf", "-", "."));
  });

  test("other bytes in a file", async () => {
    writeFileSync(join(target, "file-300000"), Buffer.alloc(300_000, "x"));
    expect(await failure(joined(result))).toBe(`layer ${result.diffId} is damaged: its files have changed`);
  });

  test("a file that is cut off, is gone, or is a link now", async () => {
    const file = join(target, "file-300000");
    truncateSync(file, 299_999);
    expect(await failure(joined(result))).toContain("file-300000 is too short");
    rmSync(file);
    expect(await failure(joined(result))).toContain("file-300000 is missing");
    symlinkSync("/etc/passwd", file);
    expect(await failure(joined(result))).toContain("file-300000 is missing");
  });

  test("a split that is cut off or is none", async () => {
    const whole = statSync(split).size;
    truncateSync(split, whole - 1);
    expect(await failure(joined(result))).toContain("cut off or damaged");
    writeFileSync(split, "no split at all");
    expect(await failure(joined(result))).toContain("cut off or damaged");
    writeFileSync(split, "");
    expect(await failure(joined(result))).toContain("is damaged");
  });
});

/** Bytes that do not compress, always the same. */
function createNoise(size: number): Buffer {
  const parts: Buffer[] = [];
  for (let count = 0; count * 32 < size; count++) parts.push(createHash("sha256").update(String(count)).digest());
  return Buffer.concat(parts, size);
}
