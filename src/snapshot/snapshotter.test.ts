import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Archiver, createArchiver } from "../archive/index.ts";
import { isKind, messageOf, silentLogger } from "../base/index.ts";
import { createStore, type Store } from "../store/index.ts";
import { loadNative, type Native } from "../sys/index.ts";
import { createRootfsViews, createSnapshotter, type Snapshotter } from "./index.ts";
import { probeOverlay } from "./probe.ts";

/** The contract, against each driver. */

setDefaultTimeout(120_000);

const BASE = "sha256:base";
let native: Native;
let archiver: Archiver;
let root: string;
let store: Store;
let snapshots: Snapshotter;

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());

const overlayMissing = await (async () => {
  const place = mkdtempSync(join(tmpdir(), "berth-probe-"));
  try {
    return await probeOverlay(place, loadNative()).catch(messageOf);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
})();
if (overlayMissing !== undefined) console.log(`skipped: overlay2 does not work in ${tmpdir()}: ${overlayMissing}`);

const mountsOfHost = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(root));

async function rejection(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A committed layer made from files, on top of `parent`. */
async function layer(name: string, parent: string | undefined, make: (directory: string) => void): Promise<void> {
  await snapshots.prepare(`${name}-making`, parent);
  make((await snapshots.unpackTarget(`${name}-making`)).directory);
  await snapshots.commit(`${name}-making`, name);
}

function makeBase(directory: string): void {
  mkdirSync(join(directory, "etc/deep"), { recursive: true });
  writeFileSync(join(directory, "etc/passwd"), "root");
  writeFileSync(join(directory, "etc/deep/one"), "1");
  writeFileSync(join(directory, "etc/deep/two"), "2");
  writeFileSync(join(directory, "gone"), "soon");
}

/** Until what was removed is deleted. */
async function trashEmpty(driver: Snapshotter["driver"]): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (readdirSync(join(root, `.removed-${driver}`)).length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function open(driver: Snapshotter["driver"], use = archiver): Promise<Snapshotter> {
  return await createSnapshotter({ root, store, archiver: use, native, driver, logger: silentLogger });
}

for (const driver of ["overlay2", "vfs"] as const) {
  describe.skipIf(driver === "overlay2" && overlayMissing !== undefined)(driver, () => {
    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), `berth-snapshot-${driver}-`));
      store = createStore({ path: join(root, "state.db"), logger: silentLogger });
      snapshots = await open(driver);
    });
    afterEach(async () => {
      await snapshots[Symbol.asyncDispose]();
      expect(mountsOfHost()).toEqual([]);
      store[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    });

    test("a committed layer is seen through the one above it", async () => {
      await layer(BASE, undefined, makeBase);
      await layer("sha256:top", BASE, (directory) => writeFileSync(join(directory, "top"), "t"));
      await snapshots.prepare("c1", "sha256:top");

      const seen = await snapshots.withMerged("c1", async ({ path }) => ({
        names: readdirSync(path).sort(),
        passwd: readFileSync(join(path, "etc/passwd"), "utf8"),
      }));

      expect(seen).toEqual({ names: ["etc", "gone", "top"], passwd: "root" });
    });

    test("what is lost with the machine is mounted volatile, also a second time", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      if (driver === "vfs") {
        expect(await snapshots.mounts("c1", { volatile: true })).toEqual(await snapshots.mounts("c1"));
        return;
      }
      const { WorkDir = "" } = snapshots.graphDriver("c1").Data;
      const mark = join(WorkDir, "work/incompat");
      mkdirSync(join(mark, "volatile"), { recursive: true });

      const mount = await snapshots.mounts("c1", { volatile: true });

      expect(mount).toMatchObject({ type: "overlay", volatile: true });
      expect(existsSync(mark)).toBe(false);
      expect(await snapshots.mounts(BASE, { volatile: true })).not.toHaveProperty("volatile");
    });

    test("one of overlay2 in which nothing was written is removed without a walk, also after a volatile mount", async () => {
      const walked: string[] = [];
      const removeTree: Archiver["removeTree"] = async (directory, signal) => {
        walked.push(directory);
        await archiver.removeTree(directory, signal);
      };
      snapshots = await open(driver, { ...archiver, removeTree });
      await layer(BASE, undefined, makeBase);
      for (const key of ["c1", "c2"]) {
        await snapshots.prepare(key, BASE);
        const { WorkDir, UpperDir } = snapshots.graphDriver(key).Data;
        if (WorkDir === undefined || UpperDir === undefined) continue;
        mkdirSync(join(WorkDir, "work/incompat/volatile"), { recursive: true });
        writeFileSync(join(WorkDir, "work/incompat/volatile/dirty"), "");
        if (key === "c2") writeFileSync(join(UpperDir, "written"), "");
      }

      await snapshots.remove("c1");
      await trashEmpty(driver);
      expect(walked).toHaveLength(driver === "overlay2" ? 0 : 1);

      await snapshots.remove("c2");
      await trashEmpty(driver);
      expect(walked).toHaveLength(driver === "overlay2" ? 1 : 2);
    });

    test("where a parent may come later, it is named by the commit", async () => {
      if (snapshots.parentMayComeLater !== true) return;
      await snapshots.prepare("top-making", undefined);
      writeFileSync(join((await snapshots.unpackTarget("top-making")).directory, "top"), "t");
      expect(isKind(await rejection(snapshots.commit("top-making", "sha256:top", BASE)), "not-found")).toBe(true);
      await layer(BASE, undefined, makeBase);
      await snapshots.commit("top-making", "sha256:top", BASE);
      expect(isKind(await rejection(snapshots.remove(BASE)), "conflict")).toBe(true);

      // The next daemon sees it so, too.
      snapshots = await open(driver);
      await snapshots.prepare("c1", "sha256:top");

      expect(snapshots.list()).toContainEqual({ key: "sha256:top", kind: "committed", parent: BASE });
      expect(await snapshots.withMerged("c1", async ({ path }) => readdirSync(path).sort())).toEqual([
        "etc",
        "gone",
        "top",
      ]);
      await snapshots.prepare("c2", "sha256:top");
      expect(isKind(await rejection(snapshots.commit("c2", "sha256:other", BASE)), "conflict")).toBe(true);
    });

    test("what is written into an active one stays there", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.prepare("c2", BASE);

      await snapshots.withMerged("c1", async ({ path }) => writeFileSync(join(path, "etc/passwd"), "changed"));

      const read = (key: string) =>
        snapshots.withMerged(key, async ({ path }) => readFileSync(join(path, "etc/passwd"), "utf8"));
      expect(await Promise.all([read("c1"), read("c2"), read(BASE)])).toEqual(["changed", "root", "root"]);
    });

    test("many look into one and write to it at once", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      const names = Array.from({ length: 20 }, (_, index) => `file${index}`);
      const seen = await Promise.all(
        names.flatMap((name) => [
          snapshots.withMerged("c1", async ({ path }) => writeFileSync(join(path, name), "x")),
          snapshots.withMerged("c1", async ({ path }) => readFileSync(join(path, "etc/passwd"), "utf8"), {
            readOnly: true,
          }),
        ]),
      );
      expect(seen.filter((text) => text !== undefined)).toHaveLength(names.length);
      expect(await snapshots.withMerged("c1", async ({ path }) => readdirSync(path))).toEqual(
        expect.arrayContaining(names),
      );
      const write = snapshots.withMerged("c1", async ({ path }) => writeFileSync(join(path, "y"), ""), {
        readOnly: true,
      });
      expect(await write.catch(String)).toContain("EROFS");
    });

    test("a committed one cannot be written through its merged tree", async () => {
      await layer(BASE, undefined, makeBase);

      const error = await rejection(
        snapshots.withMerged(BASE, async ({ path }) => writeFileSync(join(path, "x"), "x")),
      );

      expect(String(error)).toContain("EROFS");
    });

    test("changes name what was added, modified and deleted, with their directories", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.withMerged("c1", async ({ path }) => {
        writeFileSync(join(path, "etc/passwd"), "more than before");
        mkdirSync(join(path, "new"));
        writeFileSync(join(path, "new/file"), "");
        rmSync(join(path, "gone"));
      });

      const changes = (await snapshots.changes("c1")).map(({ path, kind }) => `${kind} ${path}`);

      const etc = changes.filter((change) => change !== "modified /etc"); // its time changes only with some drivers
      expect(etc).toEqual(["modified /etc/passwd", "deleted /gone", "added /new", "added /new/file"]);
    });

    test("changes tell a directory that is another from one with another content", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.withMerged("c1", async ({ path }) => {
        writeFileSync(join(path, "etc/passwd"), "more than before");
        chmodSync(join(path, "etc/deep"), 0o700);
      });

      const changes = await snapshots.changes("c1");

      expect(changes.find(({ path }) => path === "/etc/deep")).toMatchObject({ kind: "modified", itself: true });
      expect(changes.find(({ path }) => path === "/etc")).toMatchObject({ kind: "modified", itself: false });
    });

    test("the diff, unpacked over the same parent, gives the same tree", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.withMerged("c1", async ({ path }) => {
        rmSync(join(path, "etc/deep"), { recursive: true });
        mkdirSync(join(path, "etc/deep"));
        writeFileSync(join(path, "etc/deep/three"), "3");
        rmSync(join(path, "gone"));
        writeFileSync(join(path, "etc/passwd"), "changed");
      });
      const diff = await bytesOf(snapshots.diff("c1"));

      await snapshots.prepare("again", BASE);
      const { directory, whiteouts } = await snapshots.unpackTarget("again");
      await archiver.unpack({
        source: (async function* () {
          yield diff;
        })(),
        target: { path: directory },
        whiteouts,
      });

      const tree = (key: string) =>
        snapshots.withMerged(key, async ({ path }) => ({
          top: readdirSync(path).sort(),
          deep: readdirSync(join(path, "etc/deep")).sort(),
          passwd: readFileSync(join(path, "etc/passwd"), "utf8"),
        }));
      expect(await tree("again")).toEqual({ top: ["etc"], deep: ["three"], passwd: "changed" });
      expect(await tree("c1")).toEqual(await tree("again"));
    });

    test("usage counts what the top adds", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.withMerged("c1", async ({ path }) => writeFileSync(join(path, "big"), Buffer.alloc(5000, 1)));

      expect((await snapshots.usage("c1")).bytes).toBe(5000);
    });

    test("names that exist, parents that are missing or active are refused", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);

      expect(isKind(await rejection(snapshots.prepare("c1", BASE)), "conflict")).toBe(true);
      expect(isKind(await rejection(snapshots.prepare("c2", "sha256:none")), "not-found")).toBe(true);
      expect(isKind(await rejection(snapshots.prepare("c2", "c1")), "conflict")).toBe(true);
      expect(isKind(await rejection(snapshots.commit("c1", BASE)), "conflict")).toBe(true);
      expect(isKind(await rejection(snapshots.unpackTarget(BASE)), "conflict")).toBe(true);
      expect(isKind(await rejection(snapshots.mounts("none")), "not-found")).toBe(true);
      expect(
        snapshots
          .list()
          .map(({ key }) => key)
          .sort(),
      ).toEqual(["c1", BASE]);
    });

    test("of two that prepare the same key at once, one gets it", async () => {
      const results = await Promise.all([1, 2].map(() => rejection(snapshots.prepare("same", undefined))));

      expect(results.filter((error) => error === undefined)).toHaveLength(1);
      expect(results.filter((error) => isKind(error, "conflict"))).toHaveLength(1);
    });

    test("a parent stays while it has children", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);

      expect(isKind(await rejection(snapshots.remove(BASE)), "conflict")).toBe(true);
      await snapshots.remove("c1");
      await snapshots.remove(BASE);

      expect(snapshots.list()).toEqual([]);
      expect(isKind(await rejection(snapshots.remove(BASE)), "not-found")).toBe(true);
    });

    test("removal leaves no file behind", async () => {
      await layer(BASE, undefined, makeBase);
      const before = countFiles();
      await snapshots.prepare("c1", BASE);
      await snapshots.withMerged("c1", async ({ path }) => writeFileSync(join(path, "x"), "x"));

      await snapshots.remove("c1");
      await trashEmpty(driver);

      expect(countFiles()).toBe(before);
    });

    test("a new process finds what was there, and sweep removes what was half made", async () => {
      await layer(BASE, undefined, makeBase);
      await snapshots.prepare("c1", BASE);
      await snapshots.prepare("lost", BASE);
      const home = join(root, driver === "vfs" ? "vfs/dir" : "overlay2");
      mkdirSync(join(home, "halfmade/diff"), { recursive: true });
      const directory = (await snapshots.unpackTarget("lost")).directory;
      rmSync(driver === "vfs" ? directory : join(directory, ".."), { recursive: true });

      snapshots = await open(driver);
      await snapshots.sweep();
      await trashEmpty(driver);

      expect(
        snapshots
          .list()
          .map(({ key }) => key)
          .sort(),
      ).toEqual(["c1", BASE]);
      expect(existsSync(join(home, "halfmade"))).toBe(false);
      const names = await snapshots.withMerged("c1", async ({ path }) => readdirSync(path).sort());
      expect(names).toEqual(["etc", "gone"]);
    });

    test("what was thrown away before a crash is deleted after the next start", async () => {
      const trash = join(root, `.removed-${driver}`, "old/inner");
      mkdirSync(trash, { recursive: true });

      await snapshots.sweep();
      await trashEmpty(driver);

      expect(existsSync(join(root, `.removed-${driver}`, "old"))).toBe(false);
    });

    test("other users cannot look into the data root's layers", async () => {
      await layer(BASE, undefined, makeBase);

      const top = join(root, driver === "vfs" ? "vfs" : "overlay2");
      expect(statSync(top).mode & 0o007).toBe(0);
      expect(statSync(join(root, `.removed-${driver}`)).mode & 0o077).toBe(0);
    });

    test("without layers below, the rootfs is the directory itself", async () => {
      await snapshots.prepare("scratch", undefined);

      const mount = await snapshots.mounts("scratch");

      expect(mount).toMatchObject({ type: "bind", readOnly: false });
      expect(await snapshots.withMerged("scratch", async ({ path }) => readdirSync(path))).toEqual([]);
    });
  });
}

describe.skipIf(overlayMissing !== undefined)("overlay2's layout", () => {
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "berth-snapshot-layout-"));
    store = createStore({ path: join(root, "state.db"), logger: silentLogger });
    snapshots = await open("overlay2");
  });
  afterEach(async () => {
    await snapshots[Symbol.asyncDispose]();
    store[Symbol.dispose]();
    rmSync(root, { recursive: true, force: true });
  });

  test("is Docker's: short links, lower chain, inspect's data", async () => {
    await layer(BASE, undefined, makeBase);
    await layer("sha256:middle", BASE, () => undefined);
    await snapshots.prepare("c1", "sha256:middle");

    const { Name, Data } = snapshots.graphDriver("c1");
    const upper = Data["UpperDir"] ?? "";
    const directory = join(upper, "..");
    const lowers = readFileSync(join(directory, "lower"), "utf8").split(":");

    expect(Name).toBe("overlay2");
    expect(Object.keys(Data).sort()).toEqual(["LowerDir", "MergedDir", "UpperDir", "WorkDir"]);
    expect(lowers.map((link) => statSync(join(root, "overlay2", link)).ino)).toEqual(
      (Data["LowerDir"] ?? "").split(":").map((path) => statSync(path).ino),
    );
    expect(readdirSync(directory).sort()).toEqual(["diff", "link", "lower", "merged", "work"]);
    expect(lstatSync(directory).mode & 0o777).toBe(0o710);
    expect(await snapshots.mounts("c1")).toEqual({
      type: "overlay",
      lower: (Data["LowerDir"] ?? "").split(":"),
      upper,
      work: Data["WorkDir"],
    });
  });

  test("a stack of 120 layers can be looked into", async () => {
    let parent: string | undefined;
    for (let i = 0; i < 120; i++) {
      const name = `sha256:${i}`;
      await layer(name, parent, (directory) => writeFileSync(join(directory, `f${i}`), ""));
      parent = name;
    }
    await snapshots.prepare("c1", parent);

    expect(await snapshots.withMerged("c1", async ({ path }) => readdirSync(path).length)).toBe(120);
  });
});

test.skipIf(overlayMissing !== undefined)(
  "on kernels without lowerdir+ the view is the same, and no mount stays",
  async () => {
    const place = mkdtempSync(join(tmpdir(), "berth-legacy-view-"));
    try {
      const [top, base] = ["top", "base"].map((name) => join(place, name)) as [string, string]; // two in, two out
      for (const layer of [top, base]) mkdirSync(layer);
      writeFileSync(join(top, "a"), "");
      writeFileSync(join(base, "b"), "");
      const views = createRootfsViews({ native: loadNative(), legacy: true, place });
      {
        await using view = await views.open({ type: "overlay", lower: [top, base], upper: undefined, work: undefined });
        expect(readdirSync(view.path).sort()).toEqual(["a", "b"]);
      }
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);

function countFiles(): number {
  return execFileSync("find", [root, "-not", "-name", "state.db*"], { encoding: "utf8" }).split("\n").length;
}
