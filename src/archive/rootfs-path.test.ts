import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isKind, messageOf } from "../base/index.ts";
import { type Archiver, createArchiver } from "./index.ts";
import { bytesOf, failureOf, type Sketch, streamOf, tarOf } from "./testing/tar-of.ts";

/** `docker cp`: expected values are what dockerd 28.5 answers for the same tree. */

setDefaultTimeout(120_000);

let archiver: Archiver;
let place: string;
let root: { path: string };

beforeAll(() => {
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "berth-cp-"));
  root = { path: join(place, "rootfs") };
  mkdirSync(join(root.path, "d/sub"), { recursive: true });
  mkdirSync(join(root.path, "etc"));
  writeFileSync(join(root.path, "d/f"), "hi\n");
  writeFileSync(join(root.path, "etc/passwd"), "container's");
  symlinkSync("/d/sub", join(root.path, "d/l"));
  symlinkSync("f", join(root.path, "d/lf"));
  symlinkSync("nowhere/x", join(root.path, "d/dang"));
  symlinkSync("../../../etc", join(root.path, "d/up"));
  symlinkSync("/d/l/../f", join(root.path, "d/chain"));
  symlinkSync("loop", join(root.path, "loop"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const namesIn = (tar: Buffer) =>
  execFileSync("tar", ["-tPf", "-"], { input: tar, encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "");
const get = async (path: string) => {
  const { stat, body } = await archiver.get(root, path);
  return { stat, names: namesIn(await bytesOf(body)) };
};
const put = (path: string, sketches: Sketch[], noOverwriteDirNonDir = false) =>
  archiver.put(root, path, streamOf(tarOf(...sketches)), { noOverwriteDirNonDir });

describe("what a path is", () => {
  const DIRECTORY = 2 ** 31 + 0o755;
  const LINK = 2 ** 27 + 0o777;
  test.each([
    ["/d", "d", DIRECTORY, ""],
    ["/d/", "d", DIRECTORY, ""],
    ["/d/.", ".", DIRECTORY, ""],
    ["/", "/", DIRECTORY, ""],
    ["d/f", "f", 0o644, ""],
    ["/d/l", "l", LINK, "/d/sub"],
    ["/d/l/", "l", DIRECTORY, ""],
    ["/d/lf", "lf", LINK, "/d/f"],
    ["/d/dang", "dang", LINK, "/d/nowhere/x"],
    ["/d/up", "up", LINK, "/etc"],
    ["/d/chain", "chain", LINK, "/d/f"],
    ["/d/l/../f", "f", 0o644, ""],
  ])("%s", async (path, name, mode, linkTarget) => {
    expect(await archiver.stat(root, path)).toMatchObject({ name, mode, linkTarget });
  });

  test("size and time in Go's form", async () => {
    expect(await archiver.stat(root, "/d/f")).toMatchObject({
      size: 3,
      mtime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/),
    });
  });

  test.each(["/nope", "/d/nope/f", "/d/dang/", "/loop/"])("%s is not there", async (path) => {
    const error = await failureOf(archiver.stat(root, path));

    expect(isKind(error, "not-found")).toBe(true);
    expect(messageOf(error)).toBe(`Could not find the file ${path}`);
  });

  test.each(["/d/f/", "/d/f/x", "/etc/passwd/."])("%s goes on behind a file", async (path) => {
    expect(messageOf(await failureOf(archiver.stat(root, path)))).toBe(`lstat ${path}: not a directory`);
  });
});

describe("out of a rootfs", () => {
  test.each([
    ["/d", ["d/", "d/chain", "d/dang", "d/f", "d/l", "d/lf", "d/sub/", "d/up"]],
    ["/d/.", ["./", "./chain", "./dang", "./f", "./l", "./lf", "./sub/", "./up"]],
    ["/d/f", ["f"]],
    ["/d/l", ["l"]],
    ["/d/l/", ["l/"]],
    ["/d/up/", ["up/", "up/passwd"]],
  ])("%s", async (path, names) => {
    expect((await get(path)).names).toEqual(names);
  });

  test("the whole is rooted at a slash", async () => {
    expect((await get("/")).names.slice(0, 3)).toEqual(["/", "/d/", "/d/chain"]);
  });

  test("a missing path fails before any byte", async () => {
    expect(isKind(await failureOf(archiver.get(root, "/nope")), "not-found")).toBe(true);
  });

  test("a reader that leaves ends the work", async () => {
    writeFileSync(join(root.path, "d/big"), Buffer.alloc(8 << 20, 1));
    for (let round = 0; round < 40; round++) {
      const { body } = await archiver.get(root, "/d");
      for await (const chunk of body) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
  });
});

describe("into a rootfs", () => {
  test("a file with its owner, mode and time", async () => {
    await put("/d/sub", [{ name: "new", content: "x", uid: 5, gid: 6, mode: 0o640, mtime: 1_000_000_000 }]);

    const { uid, gid, mode, mtimeMs } = statSync(join(root.path, "d/sub/new"));
    expect([uid, gid, mode & 0o7777, mtimeMs]).toEqual([5, 6, 0o640, 1_000_000_000_000]);
  });

  test("with another owner when asked for", async () => {
    await archiver.put(root, "/d", streamOf(tarOf({ name: "new", uid: 5 })), {
      noOverwriteDirNonDir: false,
      owner: { uid: 77, gid: 88 },
    });

    expect(statSync(join(root.path, "d/new")).uid).toBe(77);
  });

  test.each(["/d/l", "/d/l/", "/d/up"])("through the container's own link %s", async (path) => {
    await put(path, [{ name: "new", content: "x" }]);

    const where = path === "/d/up" ? "etc" : "d/sub";
    expect(readFileSync(join(root.path, where, "new"), "utf8")).toBe("x");
  });

  test("links within the archive's way count from the rootfs, as for the container", async () => {
    await put("/d", [{ name: "l/through", content: "x" }]);

    expect(readdirSync(join(root.path, "d/sub"))).toEqual(["through"]);
  });

  test("not into a file, not into nothing", async () => {
    expect(messageOf(await failureOf(put("/d/f", [{ name: "x" }])))).toBe("extraction point is not a directory");
    expect(isKind(await failureOf(put("/nope", [{ name: "x" }])), "not-found")).toBe(true);
    expect(isKind(await failureOf(put("/d/dang", [{ name: "x" }])), "not-found")).toBe(true);
  });

  test("a directory is not overwritten by a file, nor the other way, when that is asked for", async () => {
    expect(messageOf(await failureOf(put("/d", [{ name: "sub" }], true)))).toBe(
      'cannot overwrite directory "sub" with non-directory "/d"',
    );
    expect(messageOf(await failureOf(put("/d", [{ name: "f", type: "directory" }], true)))).toBe(
      'cannot overwrite non-directory "f" with directory "/d"',
    );
  });

  test("otherwise each takes the other's place", async () => {
    await put("/d", [
      { name: "sub", content: "now a file" },
      { name: "f", type: "directory" },
      { name: "f/in", content: "x" },
    ]);

    expect(readFileSync(join(root.path, "d/sub"), "utf8")).toBe("now a file");
    expect(readdirSync(join(root.path, "d/f"))).toEqual(["in"]);
  });

  test("names that look like whiteouts are files", async () => {
    await put("/d", [{ name: ".wh.f", content: "x" }]);

    expect(readdirSync(join(root.path, "d"))).toContain("f");
    expect(readdirSync(join(root.path, "d"))).toContain(".wh.f");
  });

  test("a broken archive is the server's failure, as in Docker", async () => {
    const error = await failureOf(put("/d", [{ name: "../evil" }]));

    expect(isKind(error, "unknown")).toBe(true);
    expect(messageOf(error)).toBe('invalid entry name "../evil"');
  });

  test("what the source fails with is passed on", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield tarOf({ name: "x", content: "y".repeat(2000) }).subarray(0, 700);
      throw new Error("the client went away");
    }

    const error = await failureOf(archiver.put(root, "/d", broken(), { noOverwriteDirNonDir: false }));

    expect(messageOf(error)).toContain("the client went away");
  });

  test("ends when the caller gives up, though the source hangs", async () => {
    const controller = new AbortController();
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield tarOf({ name: "x", content: "y".repeat(2000) }).subarray(0, 700);
      controller.abort();
      await new Promise(() => undefined);
    }

    const options = { noOverwriteDirNonDir: false, signal: controller.signal };
    const error = await failureOf(archiver.put(root, "/d", hanging(), options));

    expect(isKind(error, "cancelled")).toBe(true);
  });
});

test("while the container swaps a directory for a link to the host, nothing outside is read or written (CVE-2018-15664)", async () => {
  const canary = join(place, "canary");
  mkdirSync(join(canary, "sub"), { recursive: true });
  writeFileSync(join(canary, "secret"), "host");
  mkdirSync(join(root.path, "swap"));
  writeFileSync(join(root.path, "swap/secret"), "container");
  symlinkSync(canary, join(root.path, "trap"));
  // Exchanges the two names without end, until it is killed.
  const script = `
    import { AT_FDCWD, loadNative, RENAME_EXCHANGE } from ${JSON.stringify(fileURLToPath(new URL("../sys/index.ts", import.meta.url)))};
    const native = loadNative();
    const [a, b] = ${JSON.stringify([join(root.path, "swap"), join(root.path, "trap")])};
    for (;;) native.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);`;
  const swapper = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  const deadline = Date.now() + 30_000;
  try {
    while (!lstatSync(join(root.path, "swap")).isSymbolicLink()) {
      if (Date.now() > deadline) throw new Error("the swapper does not swap");
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let round = 0; round < 60; round++) {
      // Both outcomes are fine: it was the directory, or it was a link whose target the rootfs does not have.
      const got = await archiver.get(root, "/swap/").then(
        ({ body }) => bytesOf(body).catch(() => Buffer.alloc(0)),
        () => Buffer.alloc(0),
      );
      expect(got.includes("host")).toBe(false);
      await put("/swap", [{ name: "planted", content: "x" }]).catch(() => undefined);
      await put("/", [{ name: "swap/planted", content: "x" }]).catch(() => undefined);
    }
  } finally {
    const ended = new Promise((resolve) => swapper.once("exit", resolve));
    swapper.kill("SIGKILL");
    await ended;
  }

  expect(readdirSync(canary).sort()).toEqual(["secret", "sub"]);
  expect(readFileSync(join(canary, "secret"), "utf8")).toBe("host");
});
