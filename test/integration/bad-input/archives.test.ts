import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { busyboxArchive, busyboxEntries, dockerArchive } from "../../support/images.ts";
import { settledInventory } from "../../support/recordings.ts";
import { tar, type TarEntry } from "../../support/tar.ts";

/** Archives that are broken or claim too much: an error that says so, nothing left behind, a daemon that lives. */
let engine: TestEngine;
let before: string[];
beforeAll(async () => {
  engine = await startEngine();
  before = await inventory(engine);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const load = (archive: Uint8Array) =>
  engine.api("POST", "/images/load", archive, { "Content-Type": "application/x-tar" });
const importing = (archive: Uint8Array) => engine.api("POST", "/images/create?fromSrc=-&repo=bad&tag=1", archive);
const unchanged = async () => expect(await settledInventory(engine, before)).toEqual(before);

function withFlippedByte(data: Buffer, at: number): Buffer {
  const copy = Buffer.from(data);
  copy.writeUInt8((copy[at] ?? 0) ^ 0xff, at);
  return copy;
}

describe("load refuses", () => {
  // Not a layer that is there already: that one would not be read again.
  const good = dockerArchive({ name: "bad:1", layers: [[...busyboxEntries(), { name: "other", data: "one" }]] });
  const packed = gzipSync(good, { level: 1 });
  const cases: Array<[what: string, archive: Uint8Array]> = [
    ["nothing", Buffer.alloc(0)],
    ["junk", Buffer.from("junk".repeat(1000))],
    ["zeros", Buffer.alloc(1 << 20)],
    ["an archive cut within a layer", good.subarray(0, 300_000)],
    ["an archive cut within a header", good.subarray(0, 700)],
    ["gzip cut off", packed.subarray(0, packed.length >> 1)],
    ["gzip with a wrong byte", withFlippedByte(packed, packed.length >> 1)],
    ["gzip of junk", gzipSync("junk")],
    ["a layer with a wrong byte", withFlippedByte(good, 400_000)],
    ["a header with a wrong sum", tar([{ name: "manifest.json", data: "[]", badChecksum: true }])],
    ["an archive within gzip within gzip", gzipSync(packed)],
  ];
  test.each(cases)("%s", async (_what, archive) => {
    const { text } = await load(archive);
    expect(text).toMatch(/errorDetail|"message"/);
    await unchanged();
  });
});

describe("bombs end in bounds", () => {
  const layer = (entries: TarEntry[]) => dockerArchive({ name: "bad:1", layers: [entries] });

  test("a file that claims more than comes", async () => {
    for (const claimedSize of [2 ** 32, 2 ** 33 - 1]) {
      expect((await load(tar([{ name: "x", claimedSize }]))).text).toMatch(/errorDetail|"message"/);
      expect((await importing(tar([{ name: "x", claimedSize }]))).text).toMatch(/errorDetail|error|message/);
    }
    await unchanged();
  });

  test("a size that is no size", async () => {
    for (const size of ["99999999999999999999", "-5", "1e9", ""]) {
      const archive = tar([{ name: "x", data: "x", pax: { size } }]);
      expect((await importing(archive)).text).toMatch(/errorDetail|error|message|sha256/);
      await engine.api("DELETE", "/images/bad:1");
    }
    await unchanged();
  });

  test("a sparse file of a tebibyte takes no disk", async () => {
    const map = "1\n1099511627775\n1\n";
    const data = Buffer.concat([Buffer.from(map.padEnd(512, "\0")), Buffer.from("x")]);
    const sparse: TarEntry = {
      name: "GNUSparseFile.0/big",
      data,
      pax: {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "big",
        "GNU.sparse.realsize": "1099511627776",
      },
    };
    const { text } = await load(layer([sparse]));
    expect(text).toMatch(/Loaded image|errorDetail/);
    await engine.api("DELETE", "/images/bad:1");
    await unchanged();
  });

  test("a tree that is thousands of folders deep", async () => {
    const deep = "d/".repeat(2000);
    await importing(tar([{ name: "x", data: "x", pax: { path: `${deep}file` } }]));
    await engine.api("DELETE", "/images/bad:1");
    await importing(tar([{ name: "x", data: "x", pax: { path: "d/".repeat(200_000) } }]));
    await engine.api("DELETE", "/images/bad:1");
    await unchanged();
  });

  test("a name of a hundred kilobytes", async () => {
    const { text } = await importing(tar([{ name: "x", data: "x", pax: { path: "n".repeat(100_000) } }]));
    expect(text).toMatch(/"message"|errorDetail/);
    await unchanged();
  });

  test("hundreds of layers", async () => {
    const layers = Array.from({ length: 200 }, (_, index): TarEntry[] => [{ name: `f${index}`, data: "x" }]);
    expect((await load(dockerArchive({ name: "bad:1", layers }))).text).toContain("max depth exceeded");
    await unchanged();
  });
});

test("after all of them an image is loaded and runs", async () => {
  expect((await load(busyboxArchive("good:1"))).text).toContain("Loaded image: good:1");
  expect((await engine.berth(["run", "--rm", "good:1", "echo", "fine"])).stdout).toBe("fine\n");
});
