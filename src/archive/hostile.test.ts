import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isKind, messageOf } from "../base/index.ts";
import { AT_FDCWD, loadNative, type Native, O_DIRECTORY } from "../sys/index.ts";
import { type Archiver, createArchiver } from "./index.ts";
import { describeTree } from "./testing/describe-tree.ts";
import { failureOf, type Sketch, streamOf, tarOf } from "./testing/tar-of.ts";
import type { UnpackRequest } from "./types.ts";

/** Archives made to do harm: nothing outside of the target changes, the error says what was wrong, the workers live on. */

setDefaultTimeout(120_000);

let native: Native;
let archiver: Archiver;
let place: string;
let target: string;
let canary: string[];

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "berth-hostile-"));
  target = join(place, "deep/er/target");
  mkdirSync(target, { recursive: true });
  mkdirSync(join(place, "canary/inner"), { recursive: true });
  writeFileSync(join(place, "canary/secret"), "untouched");
  writeFileSync(join(place, "canary/inner/file"), "untouched");
  canary = describeTree(native, join(place, "canary"));
});
afterEach(() => {
  expect(describeTree(native, join(place, "canary"))).toEqual(canary);
  expect(readdirSync(place).sort()).toEqual(["canary", "deep"]);
  expect(readdirSync(join(place, "deep"))).toEqual(["er"]);
  expect(readdirSync(join(place, "deep/er"))).toEqual(["target"]);
  rmSync(place, { recursive: true, force: true });
});

const MODES = ["overlay", "apply", "keep"] as const;
const unpack = (data: Buffer, request: Partial<UnpackRequest> = {}) =>
  archiver.unpack({ source: streamOf(data), target: { path: target }, whiteouts: "overlay", ...request });
const names = () => readdirSync(target).sort();

describe.each(MODES)("in mode %s", (whiteouts) => {
  test.each(["../evil", "a/../../evil", "./../evil", "..", "a/b/../../../../../../../../../../../tmp/evil"])(
    "the name %s is refused",
    async (name) => {
      const error = await failureOf(unpack(tarOf({ name, content: "x" }), { whiteouts }));

      expect(messageOf(error)).toBe(`invalid entry name ${JSON.stringify(name)}`);
      expect(isKind(error, "invalid")).toBe(true);
      expect(names()).toEqual([]);
    },
  );

  test("an absolute name lands within", async () => {
    await unpack(tarOf({ name: "/etc/evil", content: "x" }, { name: "/../also", content: "x" }), { whiteouts });

    expect(names()).toEqual(["also", "etc"]);
  });

  test("a link is never written through to the outside", async () => {
    const outside = join(place, "canary");
    await unpack(
      tarOf(
        { name: "link", type: "symlink", linkName: outside },
        { name: "link/planted", content: "x" },
        { name: "file", type: "symlink", linkName: join(outside, "secret") },
        { name: "file", content: "overwritten", mode: 0o600 },
        { name: "dir", type: "symlink", linkName: join(outside, "inner") },
        { name: "dir", type: "directory", mode: 0o777, uid: 99 },
        { name: "dir/file", content: "overwritten" },
      ),
      { whiteouts },
    ).catch(() => undefined); // a parent that is a dangling link is an error: what counts is the canary

    expect(lstatSync(join(target, "link")).isSymbolicLink()).toBe(true);
  });

  test.each([
    ["../../../canary/secret", "hardlink"],
    ["a/../../x", "hardlink"],
    ["", "hardlink"],
  ] as const)("a hard link to %s is refused", async (linkName) => {
    const error = await failureOf(unpack(tarOf({ name: "hard", type: "hardlink", linkName }), { whiteouts }));

    expect(messageOf(error)).toBe(`invalid hardlink target ${JSON.stringify(linkName)}`);
    expect(names()).toEqual([]);
  });

  test("a hard link through a link finds nothing outside", async () => {
    const data = tarOf(
      { name: "dir", type: "symlink", linkName: join(place, "canary") },
      { name: "hard", type: "hardlink", linkName: "dir/secret" },
      { name: "hard", content: "overwritten" },
    );

    const error = await failureOf(unpack(data, { whiteouts }));

    expect(messageOf(error)).toContain("hard");
    expect(existsSync(join(target, "hard"))).toBe(false);
  });

  test("owner, mode, time and xattrs never go through a link", async () => {
    const outside = join(place, "canary/secret");
    await unpack(
      tarOf({
        name: "link",
        type: "symlink",
        linkName: outside,
        mode: 0o4777,
        uid: 12,
        gid: 34,
        mtime: 1,
        xattrs: new Map([["user.evil", "x"]]),
      }),
      { whiteouts },
    );

    expect(lstatSync(join(target, "link")).uid).toBe(12);
  });

  test("a tree of a hundred thousand bytes of name is an error, not a crash", async () => {
    const error = await failureOf(unpack(tarOf({ name: "d/".repeat(50_000), type: "directory" }), { whiteouts }));

    expect(error).toBeDefined();
  });
});

test("a link that climbs past the root is only a link", async () => {
  await unpack(
    tarOf({ name: "link", type: "symlink", linkName: "../../../../canary" }, { name: "link/x", content: "x" }),
  )
    // The place that it names within the target is not there.
    .catch(() => undefined);

  expect(readdirSync(join(place, "canary")).sort()).toEqual(["inner", "secret"]);
});

describe("whiteouts", () => {
  test.each([".wh..", ".wh...", ".wh.", "a/.wh.."])("the name %s is refused", async (name) => {
    for (const whiteouts of ["overlay", "apply"] as const) {
      const error = await failureOf(unpack(tarOf({ name }), { whiteouts }));
      expect(messageOf(error)).toBe(`invalid whiteout entry ${JSON.stringify(name)}`);
    }
  });

  test("do not remove through a link", async () => {
    symlinkSync(join(place, "canary"), join(target, "link"));

    await unpack(tarOf({ name: "link/.wh.secret" }, { name: "link/.wh..wh..opq" }, { name: "link/inner/.wh.file" }), {
      whiteouts: "apply",
    }).catch(() => undefined);
  });

  test("a path with .. before the whiteout is refused", async () => {
    const error = await failureOf(unpack(tarOf({ name: "../canary/.wh.secret" }), { whiteouts: "apply" }));

    expect(messageOf(error)).toContain("invalid entry name");
  });

  test("overlay's own attributes cannot be brought along", async () => {
    const xattrs = new Map([
      ["trusted.overlay.redirect", "/../../canary"],
      ["trusted.overlay.metacopy", ""],
      ["user.fine", "x"],
    ]);

    await unpack(tarOf({ name: "d", type: "directory", xattrs }, { name: "f", content: "x", xattrs }));

    for (const name of ["d", "f"]) {
      expect(native.llistxattr(join(target, name)).map(String)).toEqual(["user.fine"]);
    }
  });
});

describe("broken archives", () => {
  const good = tarOf({ name: "one", content: "1".repeat(1000) }, { name: "two", content: "2" });

  test.each([1, 512, 700, 1024, 1537, 2047, 2048])("cut off after %i bytes", async (length) => {
    expect(messageOf(await failureOf(unpack(good.subarray(0, length))))).toBe("unexpected EOF");
  });

  test.each([1512, 1535, 1536, 2049, 2560, 3072])(
    "cut off after %i bytes nothing of a file is missing: taken, as Go's reader does",
    async (length) => {
      expect(await failureOf(unpack(good.subarray(0, length)))).toBeUndefined();
    },
  );

  test("cut off gzip", async () => {
    const error = await failureOf(unpack(gzipSync(good).subarray(0, 60)));

    expect(isKind(error, "invalid")).toBe(true);
    expect(messageOf(error)).toContain("invalid gzip data");
  });

  test("every single bit flip of a header is refused or harmless", async () => {
    const data = tarOf({ name: "file", content: "x" });
    for (let bit = 0; bit < 512 * 8; bit += 23) {
      const flipped = Buffer.from(data);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const error = await failureOf(unpack(flipped));
      expect(isKind(error, "invalid")).toBe(true);
    }
  });

  test("random bytes are refused", async () => {
    let state = 12345;
    for (let round = 0; round < 50; round++) {
      const data = Buffer.alloc(4096);
      for (let i = 0; i < data.length; i++) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        data[i] = state >>> 24;
      }
      data[0] = 0x41; // not by chance a compressed one
      expect(isKind(await failureOf(unpack(data)), "invalid")).toBe(true);
    }
  });

  test.each([
    ["a negative size", 124, base256(-1n, 12)],
    ["a size past all numbers", 124, base256(1n << 80n, 12)],
    ["a size that is no octal number", 124, Buffer.from("0000000000x\0")],
    ["a negative owner past 64 bits", 108, base256(-(1n << 60n), 8)],
  ])("%s", async (_name, offset, field) => {
    const data = tarOf({ name: "file", content: "x" });
    field.copy(data, offset);
    sign(data);

    const error = await failureOf(unpack(data));

    expect(messageOf(error)).toContain("invalid tar header");
  });

  test("a size beyond the archive writes nothing past what came", async () => {
    const data = tarOf({ name: "file", content: "x" });
    base256(1n << 45n, 12).copy(data, 124);
    sign(data);

    expect(messageOf(await failureOf(unpack(data)))).toBe("unexpected EOF");
    expect(lstatSync(join(target, "file")).blocks).toBeLessThan(100);
  });

  test.each([
    ["no length", "path=x\n"],
    ["a length past the end", "99 path=x\n"],
    ["a length of nothing", "3 \n"],
    ["no key", "6 =ab\n"],
    ["a NUL in a name", "11 path=a\0b\n"],
    ["a size that is no number", "12 size=1e9\n"],
    ["a time that is no time", "13 mtime=now\n"],
  ])("a pax record with %s", async (_name, records) => {
    const error = await failureOf(unpack(withPax(records)));

    expect(messageOf(error)).toContain("invalid tar header");
  });

  test.each([
    ["overlapping", "0,10,5,10"],
    ["past the end", "0,10,999999,10"],
    ["negative", "-5,10"],
    ["half a pair", "1"],
    ["of another sum", "0,3"],
  ])("a sparse map that is %s", async (_name, map) => {
    const data = withPax(record("GNU.sparse.map", map) + record("GNU.sparse.size", "100"), "content of 20 bytes.");

    expect(messageOf(await failureOf(unpack(data)))).toContain("invalid tar header");
  });

  test("extended headers without end", async () => {
    const one = withPax("9 path=x\n").subarray(0, 1024);

    expect(messageOf(await failureOf(unpack(Buffer.concat(Array(100).fill(one)))))).toContain(
      "too many extended headers",
    );
  });

  test("an unknown kind of entry", async () => {
    const data = tarOf({ name: "odd" });
    data[156] = "V".charCodeAt(0);
    sign(data);

    expect(messageOf(await failureOf(unpack(data)))).toBe("unhandled tar header type 86");
  });

  test("after all of them a worker still does its work", async () => {
    await unpack(good);

    expect(readFileSync(join(target, "two"), "utf8")).toBe("2");
  });
});

describe("bombs", () => {
  test("stop at the limit of bytes", async () => {
    const bomb = gzipSync(tarOf({ name: "zeros", content: Buffer.alloc(64 << 20) }));
    expect(bomb.length).toBeLessThan(100_000);

    const error = await failureOf(unpack(bomb, { limits: { maxBytes: 1 << 20 } }));

    expect(messageOf(error)).toBe(`archive is refused: more than ${1 << 20} bytes`);
  });

  test("of zeros take no disk", async () => {
    await unpack(gzipSync(tarOf({ name: "zeros", content: Buffer.alloc(64 << 20) })));

    expect(lstatSync(join(target, "zeros")).size).toBe(64 << 20);
    expect(lstatSync(join(target, "zeros")).blocks * 512).toBeLessThan(1 << 20);
  });

  test("of holes take no disk", async () => {
    const records = record("GNU.sparse.map", "0,20") + record("GNU.sparse.size", String(2 ** 42));

    await unpack(withPax(records, "content of 20 bytes."));

    expect(lstatSync(join(target, "file")).size).toBe(2 ** 42);
    expect(lstatSync(join(target, "file")).blocks * 512).toBeLessThan(1 << 20);
  });

  test("of entries stop at the limit", async () => {
    const entries: Sketch[] = Array.from({ length: 100 }, (_, i) => ({ name: `f${i}` }));

    const error = await failureOf(unpack(tarOf(...entries), { limits: { maxEntries: 10 } }));

    expect(messageOf(error)).toBe("archive is refused: more than 10 entries");
    expect(names()).toHaveLength(10);
  });
});

describe("removal", () => {
  test("of a very deep tree needs neither stack nor descriptors without end", async () => {
    let fd = native.openat2(AT_FDCWD, target, O_DIRECTORY, 0, 0);
    let name = "top";
    // Deeper than a path can name, and than the descriptors that a removal may hold open.
    for (let depth = 0; depth < 3000; depth++) {
      native.mkdirat(fd, name, 0o755);
      const inner = native.openat2(fd, name, O_DIRECTORY, 0, 0);
      closeSync(fd);
      fd = inner;
      name = "d";
    }
    closeSync(fd);

    await archiver.removeTree(join(target, "top"));

    expect(names()).toEqual([]);
  });

  test("follows no link, and a missing path is fine", async () => {
    symlinkSync(join(place, "canary"), join(target, "link"));
    mkdirSync(join(target, "d"));
    symlinkSync(join(place, "canary"), join(target, "d/link"));

    await archiver.removeTree(join(target, "link"));
    await archiver.removeTree(join(target, "d"));
    await archiver.removeTree(join(target, "d"));

    expect(names()).toEqual([]);
  });
});

/** A two's complement number with tar's marker bit. */
function base256(value: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return bytes;
}

/** Makes the first header's checksum right. */
function sign(data: Buffer): void {
  data.fill(0x20, 148, 156);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += data[i] ?? 0;
  data.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function record(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  const length = [2, 3].find((digits) => String(digits + body.length).length === digits) ?? 0;
  return `${length + body.length}${body}`;
}

/** A file behind an extended header of any text. */
function withPax(records: string, content = ""): Buffer {
  const header = tarOf({ name: "pax", content: records }).subarray(0, -1024);
  header[156] = "x".charCodeAt(0);
  sign(header);
  return Buffer.concat([header, tarOf({ name: "file", content })]);
}
