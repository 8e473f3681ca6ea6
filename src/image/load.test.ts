import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { blob, dockerArchive, image, ociLayout, stream, tar, type Member } from "./testing/archives.ts";
import { call, collect, failure, lines, testEngine, type TestEngine } from "./testing/engine.ts";

setDefaultTimeout(120_000);

let engine: TestEngine;
beforeEach(async () => {
  engine = await testEngine();
});
afterEach(() => engine[Symbol.asyncDispose]());

const load = async (archive: Uint8Array, quiet = true): Promise<string[]> =>
  lines(await collect(engine.images.load(stream(archive), { quiet, platforms: [] }, call)));

const base = tar([{ name: "bin/" }, { name: "bin/tool", data: "#!/bin/sh\n", mode: 0o755 }]);
const top = tar([{ name: "etc/" }, { name: "etc/.wh.old" }, { name: "etc/new", data: "new" }]);
const two = image([base, top]);

/** Files that the engine keeps: after a refused archive there is none. */
function leftovers(): string[] {
  const content = ["blobs/sha256", "partial", "scratch"].flatMap((name) =>
    readdirSync(join(engine.root, "content", name)),
  );
  return [...content, ...engine.snapshots.list().map((row) => row.key)];
}

describe("a Docker archive", () => {
  for (const [name, pack] of [
    ["plain", (bytes: Buffer) => bytes],
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    test(`is loaded (${name})`, async () => {
      expect(await load(pack(dockerArchive([{ image: two, tags: ["thing:1"] }])))).toEqual(["Loaded image: thing:1"]);
      const found = await engine.images.resolve("thing:1");
      expect(found.id).toBe(two.id as typeof found.id);
      expect(found.topChainId === undefined ? "" : engine.snapshots.has(found.topChainId)).toBe(true);
      expect(engine.events).toEqual([`load ${two.id}`]);
    });
  }

  test("tells the bytes of each layer unless it is quiet", async () => {
    const messages = await collect(
      engine.images.load(
        stream(dockerArchive([{ image: two, tags: ["thing:1"] }])),
        { quiet: false, platforms: [] },
        call,
      ),
    );
    expect(messages.some((message) => message.status === "Loading layer" && message.progressDetail?.current)).toBe(
      true,
    );
  });

  test("moves a name away from the image that had it", async () => {
    const other = image([base]);
    await load(dockerArchive([{ image: other, tags: ["thing:1"] }]));
    const said = await load(dockerArchive([{ image: two, tags: ["thing:1"] }]));
    expect(said).toEqual([
      `The image thing:1 already exists, renaming the old one with ID ${other.id} to empty string`,
      "Loaded image: thing:1",
    ]);
  });

  test("without names tells the id", async () => {
    expect(await load(dockerArchive([{ image: two, tags: [] }]))).toEqual([`Loaded image ID: ${two.id}`]);
  });

  test("may link equal layers to one another", async () => {
    const twice = image([base, base]);
    const archive = tar([
      { name: "c.json", data: twice.config },
      { name: "a/layer.tar", data: base },
      { name: "b/layer.tar", type: "symlink", link: "../a/layer.tar" },
      {
        name: "manifest.json",
        data: JSON.stringify([{ Config: "c.json", RepoTags: ["t:1"], Layers: ["a/layer.tar", "b/layer.tar"] }]),
      },
    ]);
    expect(await load(archive)).toEqual(["Loaded image: t:1"]);
  });

  test("loads the same layers once, however many ask at a time", async () => {
    const archives = [1, 2, 3, 4].map((n) => dockerArchive([{ image: two, tags: [`thing:${n}`] }]));
    const said = await Promise.all(archives.map((archive) => load(archive)));
    expect(said.flat()).toEqual([1, 2, 3, 4].map((n) => `Loaded image: thing:${n}`));
    expect(engine.snapshots.list()).toHaveLength(2);
  });

  test("has a whiteout that the layer below shows through no more", async () => {
    const old = tar([{ name: "etc/" }, { name: "etc/old", data: "old" }]);
    await load(dockerArchive([{ image: image([old, top]), tags: ["t:1"] }]));
    const { topChainId } = await engine.images.resolve("t:1");
    await engine.snapshots.withMerged(topChainId ?? "", async ({ path }) => {
      expect(readdirSync(join(path, "etc"))).toEqual(["new"]);
    });
  });
});

describe("an OCI layout", () => {
  test("is loaded, with its layers kept as they came", async () => {
    expect(await load(tar(ociLayout(two, "docker.io/library/oci:1")))).toEqual(["Loaded image: oci:1"]);
    expect((await engine.images.resolve("oci:1")).id).toBe(two.id as never);
    expect(await load(tar(ociLayout(two, "oci:2").reverse()))).toEqual(["Loaded image: oci:2"]);
  });

  test("whose blob is not what its name says is refused", async () => {
    const members = ociLayout(two, "oci:1").map((member): Member => {
      return member.name === blob(two.config).name ? { ...member, data: image([base]).config } : member;
    });
    expect((await load(tar(members)))[0]).toMatch(/^invalid archive: blobs\/sha256\/.*expected digest/);
    expect(leftovers()).toEqual([]);
  });

  test("whose layer is not what its name says is refused", async () => {
    const layer = gzipSync(base);
    const members = ociLayout(two, "oci:1").map((member): Member => {
      return member.name === blob(layer).name ? { ...member, data: gzipSync(base, { level: 1 }) } : member;
    });
    expect((await load(tar(members)))[0]).toMatch(/^invalid archive: blobs\/sha256\/.*expected digest/);
    expect(leftovers()).toEqual([]);
  });

  test("whose index could be read as a manifest is refused", async () => {
    const members = ociLayout(two, "oci:1").map((member): Member => {
      if (member.name !== "index.json") return member;
      const index = JSON.parse(String(member.data)) as object;
      return { ...member, data: JSON.stringify({ ...index, layers: [] }) };
    });
    expect(await load(tar(members))).toEqual([
      "invalid index.json: it is an index and a manifest at once (CVE-2021-41190)",
    ]);
    expect(leftovers()).toEqual([]);
  });
});

describe("a bad archive is refused with nothing left behind:", () => {
  const good = dockerArchive([{ image: two, tags: ["thing:1"] }]);
  const manifest = (value: unknown, ...more: Member[]): Buffer =>
    tar([...more, { name: "manifest.json", data: typeof value === "string" ? value : JSON.stringify(value) }]);
  const config = { name: "c.json", data: two.config };
  const layer = { name: "l.tar", data: base };
  const wrong = { name: "w.json", data: String(two.config).replace(/sha256:..../, "sha256:0000") };

  const cases: Array<[name: string, archive: Uint8Array, expected: string | RegExp]> = [
    ["nothing", new Uint8Array(0), /manifest.json/],
    ["no tar", Buffer.from("junk"), /./],
    ["cut off", good.subarray(0, good.length - 3000), "unexpected EOF"],
    ["no manifest", tar([{ name: "file", data: "x" }]), /neither a Docker archive/],
    ["null manifest", manifest(null), "invalid manifest, manifest cannot be null (but can be [])"],
    ["bad JSON", manifest("{bad"), /^invalid manifest.json: /],
    ["no list", manifest({}), "invalid manifest.json: a list is expected"],
    ["path out", manifest([{ Config: "../../etc/passwd", Layers: [] }]), /leads outside/],
    ["absolute path", manifest([{ Config: "/etc/passwd", Layers: [] }]), "open /etc/passwd: no such file or directory"],
    ["missing config", manifest([{ Config: "nope", Layers: [] }]), "open nope: no such file or directory"],
    ["config that is a list", manifest([{ Config: "manifest.json", Layers: [] }]), /it is not a JSON object/],
    [
      "missing layer",
      manifest([{ Config: "c.json", Layers: ["nope", "nope"] }], config),
      "open nope: no such file or directory",
    ],
    [
      "too few layers",
      manifest([{ Config: "c.json", Layers: ["l.tar"] }], config, layer),
      "invalid manifest, layers length mismatch: expected 1, got 2",
    ],
    [
      "link out",
      manifest([{ Config: "link", Layers: [] }], { name: "link", type: "symlink", link: "/etc/passwd" }),
      /leads outside|outside of/,
    ],
    ["named pipe", manifest([{ Config: "pipe", Layers: [] }], { name: "pipe", type: "fifo" }), /is not a file/],
    [
      "upper case",
      manifest([{ Config: "c.json", RepoTags: ["A:b"], Layers: ["l.tar", "l.tar"] }], config, layer),
      "invalid reference format: repository name (library/A) must be lowercase",
    ],
    [
      "wrong diff id",
      manifest([{ Config: "w.json", Layers: ["l.tar", "l.tar"] }], wrong, layer),
      /^invalid diffID for layer 0: expected "sha256:0000/,
    ],
    [
      "other system",
      manifest([{ Config: "c.json", Layers: [] }], { name: "c.json", data: image([], { os: "windows" }).config }),
      "cannot load windows image on linux",
    ],
    ["huge manifest", manifest(`[${" ".repeat(9 * 1024 * 1024)}]`), /is larger than 8388608 bytes/],
    [
      "id with path characters",
      manifest([{ Config: "c.json", Layers: [] }], {
        name: "c.json",
        data: image([], { rootfs: { type: "layers", diff_ids: ["sha256:../../x"] } }).config,
      }),
      /is not a list of digests/,
    ],
    [
      "too many layers",
      manifest([{ Config: "c.json", Layers: [] }], {
        name: "c.json",
        data: image(Array.from({ length: 126 }, () => base)).config,
      }),
      "max depth exceeded",
    ],
  ];
  for (const [name, archive, expected] of cases) {
    test(name, async () => {
      const said = await load(archive);
      expect(said).toHaveLength(1);
      if (typeof expected === "string") expect(said[0]).toBe(expected);
      else expect(said[0]).toMatch(expected);
      expect(await engine.images.list({ all: true, filters: new Map(), sharedSize: false, manifests: false })).toEqual(
        [],
      );
      expect(leftovers()).toEqual([]);
    });
  }

  test("a layer that leads out of its folder", async () => {
    const evil = tar([
      { name: "l", type: "symlink", link: "/tmp" },
      { name: "../../../berth-canary", data: "x" },
    ]);
    const said = await load(dockerArchive([{ image: image([evil]), tags: ["evil:1"] }]));
    expect(said).toHaveLength(1);
    expect(said[0]).not.toMatch(/Loaded/);
    expect(leftovers()).toEqual([]);
  });

  test("cancelled", async () => {
    const stop = new AbortController();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield good.subarray(0, 2048);
      stop.abort();
      yield good.subarray(2048);
    }
    const said = await collect(
      engine.images.load(source(), { quiet: true, platforms: [] }, { ...call, signal: stop.signal }),
    );
    expect(said).toHaveLength(1);
    expect(leftovers()).toEqual([]);
  });
});

describe("a full disk", () => {
  const place = mkdtempSync(join(tmpdir(), "berth-full-"));
  const mounted = (() => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "none", place], { stdio: "ignore" });
      return true;
    } catch {
      console.log("skipped: no tmpfs can be mounted here");
      return false;
    }
  })();
  afterAll(() => {
    if (mounted) execFileSync("umount", [place]);
    rmdirSync(place);
  });

  test.skipIf(!mounted)("refuses what does not fit, and takes what does afterwards", async () => {
    await using small = await testEngine({ root: place, keep: true });
    const bulk = tar([{ name: "bulk", data: randomBytes(20_000_000) }]);
    const attempt = async (archive: Buffer): Promise<string[]> =>
      lines(await collect(small.images.load(stream(archive), { quiet: true, platforms: [] }, call)));
    expect((await attempt(dockerArchive([{ image: image([bulk]), tags: ["bulk:1"] }])))[0]).toContain(
      "no space left on device",
    );
    expect(small.leftovers()).toEqual([]);
    const options = { repo: "", tag: "", message: "", changes: [], platform: undefined };
    const imported = collect(small.images.import(stream(bulk), options, call));
    expect(await failure(imported)).toBe("write blob: no space left on device");
    expect(small.leftovers()).toEqual([]);
    expect(await attempt(dockerArchive([{ image: two, tags: ["thing:1"] }]))).toEqual(["Loaded image: thing:1"]);
  });
});
