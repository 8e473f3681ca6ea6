import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, loadNative, type Native } from "../sys/index.ts";
import { type Archiver, createArchiver } from "./index.ts";
import { describeTree } from "./testing/describe-tree.ts";
import { makeRichTree, makeSparse } from "./testing/rich-tree.ts";
import { bytesOf, streamOf } from "./testing/tar-of.ts";

/** Trees through this code and the system's tar, in every combination: what comes out is what went in. */

setDefaultTimeout(120_000);

let native: Native;
let archiver: Archiver;
let place: string;
let source: string;
let target: string;

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "berth-archive-"));
  source = join(place, "source");
  target = join(place, "target");
  mkdirSync(source);
  mkdirSync(target);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const systemTar = (...args: string[]) =>
  execFileSync("tar", args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
const packed = (path: string) => bytesOf(archiver.pack({ root: { path }, whiteouts: "none" }));
const unpack = (data: Buffer, chunk?: number) =>
  archiver.unpack({ source: streamOf(data, chunk), target: { path: target }, whiteouts: "overlay" });

describe("a tree with one of everything", () => {
  beforeEach(() => makeRichTree(native, source));

  test("packed and unpacked is the same", async () => {
    await unpack(await packed(source));

    expect(describeTree(native, target)).toEqual(describeTree(native, source));
  });

  test("packed here and unpacked by tar is the same", async () => {
    writeFileSync(join(place, "a.tar"), await packed(source));

    systemTar("-C", target, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", join(place, "a.tar"));

    expect(describeTree(native, target)).toEqual(describeTree(native, source));
  });

  test.each([
    ["--format=posix"],
    ["--format=posix", "--sparse", "--sparse-version=1.0"],
    ["--format=posix", "--sparse", "--sparse-version=0.1"],
    ["--format=posix", "--sparse", "--sparse-version=0.0"],
  ])("packed by tar %s %s %s and unpacked here is the same", async (...options: unknown[]) => {
    const args = ["-C", source, ...options.filter((option) => typeof option === "string")];
    const data = systemTar(...args, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-cf", "-", ".");

    await unpack(data);

    expect(describeTree(native, target)).toEqual(describeTree(native, source));
  });

  test.each([["--format=gnu"], ["--format=gnu", "--sparse"], ["--format=oldgnu", "--sparse"]])(
    "packed by tar %s %s, which knows neither fractions nor xattrs, loses only those",
    async (...options: unknown[]) => {
      const args = ["-C", source, ...options.filter((option) => typeof option === "string")];
      const plain = (lines: string[]) =>
        lines.map((line) => line.replace(/ (\d+)\.\d{9}/, " $1").replace(/ (user|security)\.[\w.]+=\w+/g, ""));

      await unpack(systemTar(...args, "--numeric-owner", "-cf", "-", "."));

      expect(plain(describeTree(native, target))).toEqual(plain(describeTree(native, source)));
    },
  );

  test("in pieces of any size", async () => {
    const data = await packed(source);
    for (const size of [1009, 511, 513]) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      await unpack(data, size);
      expect(describeTree(native, target)).toEqual(describeTree(native, source));
    }
  });

  test("copied is the same, the top directory included", async () => {
    native.lsetxattr(source, "user.top", Buffer.from("t"), 0);

    await archiver.copyTree({ path: source }, { path: target });

    expect(describeTree(native, target)).toEqual(describeTree(native, source));
    expect(native.lgetxattr(target, "user.top").toString()).toBe("t");
    expect(await archiver.treeChanges({ path: source }, { path: target })).toEqual([]);
  });

  test("packed twice gives the same bytes", async () => {
    const first = await packed(source);

    expect((await packed(source)).equals(first)).toBe(true);
  });

  test("a socket is left out", async () => {
    const before = describeTree(native, source);
    const server = createServer().listen(join(source, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      await unpack(await packed(source));
    } finally {
      server.close();
    }

    expect(describeTree(native, target).length).toBe(before.length);
  });
});

test("holes stay holes, in the file and in what is copied of it", async () => {
  makeSparse(join(source, "sparse"));

  await unpack(systemTar("-C", source, "--sparse", "-cf", "-", "sparse"));
  await archiver.copyTree({ path: target }, { path: source });

  for (const path of [join(target, "sparse"), join(source, "sparse")]) {
    expect(statSync(path).size).toBe(8 << 20);
    expect(statSync(path).blocks * 512).toBeLessThan(1 << 20);
  }
});

test("a sparse file with more runs than fit into one header", async () => {
  const path = join(source, "islands");
  const data = Buffer.alloc(4096 * 200);
  for (let i = 0; i < 200; i += 2) data.fill(i + 1, i * 4096, (i + 1) * 4096);
  writeFileSync(path, data);
  const fd = openSync(path, "r+");
  for (let i = 1; i < 200; i += 2) {
    native.waiting.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i * 4096, 4096);
  }
  closeSync(fd);
  for (const options of [["--format=gnu"], ["--format=posix"]]) {
    rmSync(target, { recursive: true });
    mkdirSync(target);

    await unpack(systemTar("-C", source, ...options, "--sparse", "-cf", "-", "islands"));

    expect(readFileSync(join(target, "islands")).equals(data)).toBe(true);
  }
});

describe("compression", () => {
  beforeEach(() => writeFileSync(join(source, "file"), Buffer.alloc(300_000, "content ")));

  test.each([
    ["gzip", (data: Buffer) => gzipSync(data)],
    [
      "gzip in two members",
      (data: Buffer) => Buffer.concat([gzipSync(data.subarray(0, 999)), gzipSync(data.subarray(999))]),
    ],
    ["zstd", (data: Buffer) => zstdCompressSync(data)],
    ["nothing", (data: Buffer) => data],
  ])("%s is undone, with both digests and sizes told", async (_name, compress) => {
    const tar = await packed(source);
    const data = compress(tar);
    const digest = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

    const result = await unpack(data, 1000);

    expect(result).toMatchObject({
      diffId: digest(tar),
      size: tar.length,
      digest: digest(data),
      sourceSize: data.length,
      entries: 1,
      written: readFileSync(join(source, "file")).length,
    });
    // What is replaced cannot be told without a look at the tree.
    expect((await unpack(data, 1000)).written).toBeUndefined();
    expect(readFileSync(join(target, "file")).equals(readFileSync(join(source, "file")))).toBe(true);
  });

  test.each(["xz", "bzip2"])("%s is undone by its program, or refused when there is none", async (program) => {
    let data: Buffer;
    try {
      data = execFileSync(program, ["-c"], { input: await packed(source) });
    } catch {
      console.log(`skipped: ${program} is not installed`);
      return;
    }

    await unpack(data);

    expect(readFileSync(join(target, "file")).equals(readFileSync(join(source, "file")))).toBe(true);
  });

  test("a copy of the source is kept when asked for", async () => {
    const data = gzipSync(await packed(source));
    const copyTo = join(place, "blob");

    await archiver.unpack({ source: streamOf(data), target: { path: target }, whiteouts: "overlay", copyTo });

    expect(readFileSync(copyTo).equals(data)).toBe(true);
  });

  test("a region of a file is read by the worker itself", async () => {
    const tar = await packed(source);
    const file = join(place, "outer");
    writeFileSync(file, Buffer.concat([Buffer.alloc(777, 1), tar, Buffer.alloc(333, 2)]));

    const result = await archiver.unpack({
      source: { file, offset: 777, length: tar.length },
      target: { path: target },
      whiteouts: "overlay",
    });

    expect(result.size).toBe(tar.length);
  });
});

describe("random trees", () => {
  // Seeded, so that a failure can be looked at again.
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("of seed %i come out as they went in, by both tars", async (seed) => {
    growRandomTree(source, seed);
    const before = describeTree(native, source);
    const data = await packed(source);

    await unpack(data, 700 + seed * 13);
    expect(describeTree(native, target)).toEqual(before);

    rmSync(target, { recursive: true });
    mkdirSync(target);
    await unpack(systemTar("-C", source, "--format=posix", "--numeric-owner", "-cf", "-", "."));
    expect(describeTree(native, target)).toEqual(before);
  });
});

function growRandomTree(root: string, seed: number): void {
  let state = seed * 2_654_435_761;
  const random = (limit: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 0x9e3779b9) >>> 0;
    return state % limit;
  };
  const folders = [root];
  for (let i = 0; i < 60; i++) {
    const parent = folders[random(folders.length)] ?? root;
    const name = `${String.fromCharCode(97 + random(26)).repeat(1 + random(60))}${i}`;
    const path = join(parent, name);
    if (random(3) === 0) {
      mkdirSync(path, { mode: 0o700 + random(0o77) });
      folders.push(path);
    } else {
      writeFileSync(path, Buffer.alloc(random(4) === 0 ? random(600_000) : random(1500), `${seed}${i}`));
    }
    native.fchownat(-100, path, random(70_000), random(3_000_000), 0);
  }
}
