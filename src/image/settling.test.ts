import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Snapshotter } from "../snapshot/index.ts";
import { dockerArchive, image, stream, tar } from "./testing/archives.ts";
import { call, collect, failure, lines, testEngine, type TestEngine } from "./testing/engine.ts";

/** What a power cut makes of layers whose files had not reached the disk. */

setDefaultTimeout(120_000);

/** The split holds the small one's content; the large one's is in the tree alone. */
const small = "small";
const large = Buffer.alloc(50_000, "large ");
const base = tar([{ name: "base", data: Buffer.alloc(20_000, "base ") }]);
const top = tar([
  { name: "dir/" },
  { name: "dir/small", data: small },
  { name: "dir/large", data: large },
  { name: "dir/hard", type: "hardlink", link: "dir/large" },
]);
const two = image([base, top]);

let root: string;
let engine: TestEngine;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-settling-"));
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

async function boot(name: string, options: { driver?: Snapshotter["driver"]; settleAfterMs?: number } = {}) {
  engine = await testEngine({ root, keep: true, boot: name, settleAfterMs: 3_600_000, ...options });
  await engine.snapshots.sweep();
  await engine.images.sweep();
}

async function bootAgain(name: string, options: { driver?: Snapshotter["driver"] } = {}) {
  await engine[Symbol.asyncDispose]();
  await boot(name, options);
}

const load = async (archive: Buffer) =>
  lines(await collect(engine.images.load(stream(archive), { quiet: true, platforms: [] }, call)));
const loadTwo = () => load(dockerArchive([{ image: two, tags: ["two:1"] }]));
const topOf = async () => (await engine.images.resolve("two:1")).topChainId ?? "";
const tree = async () => engine.snapshots.unpacked(await topOf());
const unsettled = () => engine.store.prepare("SELECT chain_id FROM unsettled_layers").all().length;
const known = async () => (await failure(engine.images.resolve("two:1"))) === "no error";

for (const driver of ["overlay2", "vfs"] as const) {
  describe(`a layer that was not settled when the machine went down (${driver})`, () => {
    test("is made anew from its split and what is proven of its tree", async () => {
      await boot("first", { driver });
      await loadTwo();
      truncateSync(join(await tree(), "dir/small"), 0);

      await bootAgain("second", { driver });

      expect(readFileSync(join(await tree(), "dir/small"), "utf8")).toBe(small);
      expect(readFileSync(join(await tree(), "dir/hard")).equals(large)).toBe(true);
      expect(unsettled()).toBe(0);
      expect(engine.leftovers()).toEqual([]);
    });

    test("is made anew from its blob, whatever is in the tree", async () => {
      await boot("first", { driver });
      // A layer that came compressed is kept so.
      const compressed = { ...two, layers: two.layers.map((layer) => gzipSync(layer)) };
      await load(dockerArchive([{ image: compressed, tags: ["two:1"] }]));
      truncateSync(join(await tree(), "dir/large"), 0);

      await bootAgain("second", { driver });

      expect(readFileSync(join(await tree(), "dir/large")).equals(large)).toBe(true);
      expect(unsettled()).toBe(0);
    });

    test("is lost with its image when its files are, and can be loaded again", async () => {
      await boot("first", { driver });
      await loadTwo();
      truncateSync(join(await tree(), "dir/large"), 0);

      await bootAgain("second", { driver });

      expect(await known()).toBe(false);
      expect(engine.leftovers()).toEqual([]);
      await loadTwo();
      expect(readFileSync(join(await tree(), "dir/large")).equals(large)).toBe(true);
    });

    test("is mended by another load where a container stands on it", async () => {
      await boot("first", { driver });
      await loadTwo();
      const chainId = await topOf();
      await engine.snapshots.prepare("container", chainId);
      truncateSync(join(await tree(), "dir/large"), 0);

      await bootAgain("second", { driver });
      expect(await known()).toBe(false);
      expect(engine.snapshots.has("container")).toBe(true);
      await bootAgain("third", { driver });

      await loadTwo();
      expect(readFileSync(join(engine.snapshots.unpacked(chainId), "dir/large")).equals(large)).toBe(true);
    });
  });
}

test("a daemon that starts again in the same boot leaves its layers as they are", async () => {
  await boot("first");
  await loadTwo();
  writeFileSync(join(await tree(), "dir/mark"), "");

  await bootAgain("first");

  expect(readFileSync(join(await tree(), "dir/mark"), "utf8")).toBe("");
  expect(unsettled()).toBe(2);
});

test("layers are settled a moment after they are loaded, and are then never looked at again", async () => {
  await boot("first", { settleAfterMs: 0 });
  await loadTwo();
  const deadline = Date.now() + 60_000;
  while (unsettled() > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(unsettled()).toBe(0);
  writeFileSync(join(await tree(), "dir/mark"), "");

  await bootAgain("second");

  expect(readFileSync(join(await tree(), "dir/mark"), "utf8")).toBe("");
});

test("a layer that is removed before it is settled leaves no note", async () => {
  await boot("first");
  await loadTwo();
  await engine.images.remove("two:1", { force: false, noprune: false, platforms: [] });
  await engine.images.collect();

  expect(unsettled()).toBe(0);
});

test("a layer that is removed and loaded again while a sync is under way is not taken for synced", async () => {
  await boot("first", { settleAfterMs: 0 });
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  engine.snapshots.sync = async () => {
    begun.resolve();
    await ended.promise;
  };
  await loadTwo();
  await begun.promise;
  await engine.images.remove("two:1", { force: false, noprune: false, platforms: [] });
  await engine.images.collect();
  // The next sync never ends.
  engine.snapshots.sync = () => new Promise(() => undefined);
  await loadTwo();
  ended.resolve();
  await new Promise((resolve) => setTimeout(resolve, 50));

  expect(unsettled()).toBe(2);
});
