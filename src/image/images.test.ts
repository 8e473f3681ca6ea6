import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parseDigest, sha256, ZERO_TIME } from "../base/index.ts";
import { dockerArchive, image, ociLayout, stream, tar, type TestImage } from "./testing/archives.ts";
import { call, collect, failure, lines, testEngine, type TestEngine } from "./testing/engine.ts";

setDefaultTimeout(120_000);

let engine: TestEngine;
beforeEach(async () => {
  engine = await testEngine();
});
afterEach(() => engine[Symbol.asyncDispose]());

const layer = (name: string, data = name): Buffer => tar([{ name, data }]);
const one = image([layer("a")]);
const two = image([layer("a"), layer("bb")], { config: { Labels: { stage: "test", empty: "" } } });

async function load(...images: Array<{ image: TestImage; tags: string[] }>): Promise<void> {
  const said = lines(
    await collect(engine.images.load(stream(dockerArchive(images)), { quiet: true, platforms: [] }, call)),
  );
  for (const line of said) expect(line).toStartWith("Loaded image");
}

const all = { all: false, filters: new Map(), sharedSize: false, manifests: false };
const list = async (filters: Record<string, string[]> = {}, more: Partial<typeof all> = {}) =>
  await engine.images.list({ ...all, ...more, filters: new Map(Object.entries(filters)) });
const tagsOf = async (filters: Record<string, string[]> = {}) =>
  (await list(filters)).map((row) => row.RepoTags.join());
const remove = (name: string, force = false) => engine.images.remove(name, { force, noprune: false, platforms: [] });
const save = async (...names: string[]) =>
  Buffer.concat(await collect(engine.images.save(names, { platforms: [] }, call)));
const use = (target: TestImage, running: boolean): void =>
  void engine.users.set(target.id, [{ containerId: "c".repeat(64), name: "/c", running }]);

describe("names", () => {
  test("find an image by reference, id, and start of an id", async () => {
    await load({ image: one, tags: ["one:1", "one:latest"] });
    const names = [
      "one:1",
      "one",
      "docker.io/library/one",
      one.id,
      one.id.slice(7),
      one.id.slice(7, 19),
      one.id.slice(0, 20),
    ];
    for (const name of names) expect((await engine.images.resolve(name)).id).toBe(parseDigest(one.id));
    expect((await engine.images.resolve("one")).references).toEqual(["one:1", "one:latest"]);
  });

  test("that nothing has are told with their tag", async () => {
    expect(await failure(engine.images.resolve("nosuch"))).toBe("No such image: nosuch:latest");
    expect(await failure(engine.images.resolve("sha256:abcd"))).toBe("No such image: sha256:abcd");
    expect(await failure(engine.images.resolve(`a@${one.id}`))).toBe(`No such image: a@${one.id}`);
    expect(await failure(engine.images.resolve("Nosuch"))).toContain("must be lowercase");
  });

  test("are given by tag", async () => {
    await load({ image: one, tags: ["one:1"] });
    await engine.images.tag("one:1", { repo: "localhost:5000/other", tag: "x" });
    await engine.images.tag("one:1", { repo: "bare", tag: undefined });
    expect((await engine.images.resolve("bare")).references).toEqual([
      "bare:latest",
      "one:1",
      "localhost:5000/other:x",
    ]);
    expect(engine.events.at(-1)).toBe("tag bare:latest");
    expect((await engine.images.inspect("bare", { manifests: false })).Metadata?.LastTagTime).not.toBe(ZERO_TIME);
    const bad = (repo: string, tag?: string) => failure(engine.images.tag("one:1", { repo, tag }));
    expect(await bad("Busybox")).toContain("must be lowercase");
    expect(await bad("a", "b c")).toBe("invalid tag format");
    expect(await bad(`a@${one.id}`)).toBe("cannot import digest reference");
    expect(await bad("sha256")).toBe("refusing to create an ambiguous tag using digest algorithm as name");
    expect(await failure(engine.images.tag("nosuch", { repo: "a", tag: undefined }))).toBe(
      "No such image: nosuch:latest",
    );
  });
});

describe("list, inspect and history", () => {
  test("tell what Docker tells", async () => {
    await load({ image: two, tags: ["two:1"] });
    const [row] = await list();
    expect(row).toMatchObject({
      Id: two.id,
      RepoTags: ["two:1"],
      RepoDigests: [],
      Created: 1_700_000_000,
      Size: 3,
      SharedSize: -1,
    });
    const shown = await engine.images.inspect("two:1", { manifests: false });
    expect(shown).toMatchObject({
      Id: two.id,
      RepoTags: ["two:1"],
      Os: "linux",
      Size: 3,
      Created: "2023-11-14T22:13:20Z",
    });
    expect(shown.RootFS).toEqual({ Type: "layers", Layers: [sha256(layer("a")), sha256(layer("bb"))] });
    expect(shown.Metadata).toEqual({ LastTagTime: ZERO_TIME });
    expect(shown.Config?.Labels).toEqual({ stage: "test", empty: "" });
    expect(
      (await engine.images.history("two:1")).map(({ Id, Size, CreatedBy, Tags }) => [Id, Size, CreatedBy, Tags]),
    ).toEqual([
      [two.id, 2, "step 1", ["two:1"]],
      ["<missing>", 1, "step 0", null as never],
    ]);
  });

  test("filters choose", async () => {
    const newer = image([layer("c")], { created: "2024-01-01T00:00:00Z" });
    await load(
      { image: one, tags: ["one:1", "team/one:2"] },
      { image: two, tags: ["two:1"] },
      { image: newer, tags: [] },
    );
    expect((await tagsOf()).sort()).toEqual(["", "one:1,team/one:2", "two:1"]);
    expect(await tagsOf({ dangling: ["true"] })).toEqual([""]);
    expect((await tagsOf({ dangling: ["false"] })).sort()).toEqual(["one:1,team/one:2", "two:1"]);
    expect(await tagsOf({ label: ["stage=test"] })).toEqual(["two:1"]);
    expect(await tagsOf({ label: ["empty"] })).toEqual(["two:1"]);
    expect(await tagsOf({ label: ["stage=other"] })).toEqual([]);
    expect(await tagsOf({ reference: ["one"] })).toEqual(["one:1"]);
    expect(await tagsOf({ reference: ["*/one"] })).toEqual(["team/one:2"]);
    expect(await tagsOf({ reference: ["t*"] })).toEqual(["two:1"]);
    expect(await tagsOf({ since: ["two:1"] })).toEqual([""]);
    expect((await tagsOf({ before: [newer.id] })).sort()).toEqual(["one:1,team/one:2", "two:1"]);
    expect((await tagsOf({ until: ["2023-12-01"] })).sort()).toEqual(["one:1,team/one:2", "two:1"]);
    expect((await tagsOf({ until: ["10m"] })).length).toBe(3);
    expect(await failure(tagsOf({ bogus: ["x"] }))).toBe("invalid filter 'bogus'");
    expect(await failure(tagsOf({ dangling: ["maybe"] }))).toBe("invalid filter 'dangling=[maybe]'");
    expect(await failure(tagsOf({ before: ["nosuch"] }))).toBe("No such image: nosuch:latest");
    expect(await failure(tagsOf({ until: ["maybe"] }))).toBe('failed to parse value as time or duration: "maybe"');
  });

  test("shared sizes count the layers that others have too", async () => {
    await load({ image: one, tags: ["one:1"] }, { image: two, tags: ["two:1"] });
    const rows = await list({}, { sharedSize: true });
    expect(rows.map((row) => `${row.RepoTags[0]} ${row.SharedSize} of ${row.Size}`).sort()).toEqual([
      "one:1 1 of 1",
      "two:1 1 of 3",
    ]);
  });
});

describe("removal", () => {
  test("untags while there are other names, then deletes with the layers that nobody else has", async () => {
    await load({ image: one, tags: ["one:1", "one:2"] }, { image: two, tags: ["two:1"] });
    expect(await remove("one:2")).toEqual([{ Untagged: "one:2" }]);
    expect(await remove("one:1")).toEqual([{ Untagged: "one:1" }, { Deleted: one.id }]);
    expect(engine.snapshots.list()).toHaveLength(2);
    const records = await remove("two:1");
    expect(records.slice(0, 2)).toEqual([{ Untagged: "two:1" }, { Deleted: two.id }]);
    expect(records).toHaveLength(4);
    expect(engine.snapshots.list()).toEqual([]);
    expect(readdirSync(join(engine.root, "content/blobs/sha256"))).toEqual([]);
    expect(engine.events.slice(2)).toEqual([
      `untag ${one.id}`,
      `untag ${one.id}`,
      `delete ${one.id}`,
      `untag ${two.id}`,
      `delete ${two.id}`,
    ]);
  });

  test("by id wants force when there are several names", async () => {
    await load({ image: one, tags: ["one:1", "other:2"] });
    const id = one.id.slice(7, 19);
    expect(await failure(remove(id))).toBe(
      `conflict: unable to delete ${id} (must be forced) - image is referenced in multiple repositories`,
    );
    expect(await remove(id, true)).toMatchObject([
      { Untagged: "one:1" },
      { Untagged: "other:2" },
      { Deleted: one.id },
      {},
    ]);
  });

  test("of the last name is refused while a container uses the image", async () => {
    await load({ image: one, tags: ["one:1"] });
    use(one, false);
    const id = one.id.slice(7, 19);
    expect(await failure(remove("one:1"))).toBe(
      `conflict: unable to remove repository reference "one:1" (must force) - container cccccccccccc is using its referenced image ${id}`,
    );
    expect(await failure(remove(id))).toBe(
      `conflict: unable to delete ${id} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    use(one, true);
    expect(await failure(remove(id, true))).toBe(
      `conflict: unable to delete ${id} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    // A name goes by force, the image stays.
    expect(await remove("one:1", true)).toEqual([{ Untagged: "one:1" }]);
    expect((await list()).length).toBe(1);
  });

  test("of an image under a stopped container leaves its layers until the container is gone", async () => {
    await load({ image: one, tags: ["one:1"] });
    use(one, false);
    const { topChainId } = await engine.images.resolve("one:1");
    await engine.snapshots.prepare("container", topChainId);
    expect(await remove("one:1", true)).toEqual([{ Untagged: "one:1" }, { Deleted: one.id }]);
    expect(engine.snapshots.has(topChainId ?? "")).toBe(true);
    await engine.snapshots.remove("container");
    await engine.images.collect();
    expect(engine.snapshots.list()).toEqual([]);
  });

  test("is refused while the image is held", async () => {
    await load({ image: one, tags: ["one:1"] });
    {
      using _held = engine.images.hold(parseDigest(one.id));
      expect(await failure(remove(one.id, true))).toContain("image is being used by an operation in progress");
    }
    expect(await remove(one.id)).toHaveLength(3);
  });

  test("takes nameless parents along, and none that is a parent", async () => {
    await load({ image: one, tags: ["one:1"] });
    const parent = await engine.images.resolve("one:1");
    const config = { ...parent.config, created: "2024-01-01T00:00:00Z" };
    const request = { config, parent: parent.id, layer: stream(layer("more")), reference: "child:1" };
    const child = await engine.images.create(request);
    expect((await engine.images.inspect("child:1", { manifests: false })).RootFS?.Layers).toHaveLength(2);
    expect(await failure(remove(one.id))).toContain("(cannot be forced) - image has dependent child images");
    expect(await remove("one:1")).toEqual([{ Untagged: "one:1" }]);
    expect((await list()).map((row) => row.Id)).toEqual([child.id]);
    expect((await list({}, { all: true })).length).toBe(2);
    expect((await remove("child:1")).filter((record) => "Deleted" in record)).toHaveLength(4);
  });

  test("prune takes what has no name; with dangling=false what no container uses", async () => {
    await load({ image: one, tags: ["one:1"] }, { image: two, tags: [] });
    const dangling = await engine.images.prune(new Map());
    expect(dangling.ImagesDeleted?.[0]).toEqual({ Deleted: two.id });
    expect(dangling.SpaceReclaimed).toBe(2);
    expect((await engine.images.prune(new Map())).ImagesDeleted).toBeNull();
    use(one, false);
    expect((await engine.images.prune(new Map([["dangling", ["false"]]]))).ImagesDeleted).toBeNull();
    engine.users.clear();
    const rest = await engine.images.prune(new Map([["dangling", ["false"]]]));
    expect(rest.ImagesDeleted?.slice(0, 2)).toEqual([{ Untagged: "one:1" }, { Deleted: one.id }]);
    expect(await list()).toEqual([]);
    expect(await failure(engine.images.prune(new Map([["reference", ["x"]]])))).toBe("invalid filter 'reference'");
  });
});

describe("save", () => {
  test("goes on when another image that shares the layer is removed meanwhile", async () => {
    const files = Array.from({ length: 100 }, (_, at) => ({ name: `file${at}`, data: Buffer.alloc(100_000, at) }));
    const shared = tar(files);
    const other = image([tar([{ name: "other" }]), shared]);
    const kept = image([tar([{ name: "kept" }]), shared]);
    // The first is whose files are taken.
    await load({ image: other, tags: ["other:1"] });
    await load({ image: kept, tags: ["kept:1"] });
    const whole = await save("kept:1");
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of await engine.images.save(["kept:1"], { platforms: [] }, call)) {
      chunks.push(chunk);
      const before = size;
      size += chunk.length;
      if (before > 1_000_000 || size <= 1_000_000) continue;
      await remove("other:1");
      const trash = join(engine.root, ".removed-overlay2");
      while (readdirSync(trash).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
    expect(await failure(engine.images.resolve("other:1"))).toContain("No such image");
    // What had to stay goes afterwards.
    const deadline = Date.now() + 60_000;
    const left = () => engine.snapshots.list().length > 2 || engine.leftovers().length > 0;
    while (left() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(engine.snapshots.list()).toHaveLength(2);
    expect(engine.leftovers()).toEqual([]);
  });

  test("gives an archive that tar reads, and layers bit for bit", async () => {
    await load({ image: two, tags: ["two:1"] });
    const folder = mkdtempSync(join(tmpdir(), "berth-save-"));
    try {
      writeFileSync(join(folder, "a.tar"), await save("two:1"));
      execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
      const [manifest] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Array<
        Record<string, string[]>
      >;
      expect(manifest?.["RepoTags"]).toEqual(["two:1"]);
      const layers = (manifest?.["Layers"] ?? []).map((name) => readFileSync(join(folder, name)));
      expect(layers.map((bytes) => sha256(bytes))).toEqual(two.layers.map((bytes) => sha256(bytes)));
      for (const name of readdirSync(join(folder, "blobs/sha256"))) {
        expect(sha256(readFileSync(join(folder, "blobs/sha256", name)))).toBe(parseDigest(`sha256:${name}`));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("and load give the same image again, from either layout", async () => {
    const oci = tar(ociLayout(two, "two:1"));
    await collect(engine.images.load(stream(oci), { quiet: true, platforms: [] }, call));
    await engine.images.tag("two:1", { repo: "two", tag: "2" });
    const archive = await save("two");
    await remove(two.id, true);
    expect(engine.snapshots.list()).toEqual([]);
    const said = lines(await collect(engine.images.load(stream(archive), { quiet: true, platforms: [] }, call)));
    expect(said).toEqual(["Loaded image: two:1", "Loaded image: two:2"]);
    expect((await engine.images.resolve("two:2")).id).toBe(parseDigest(two.id));
    expect(await save("two")).toEqual(archive);
  });

  test("of what is not there fails before the first byte", async () => {
    expect(await failure(save("nosuch"))).toBe("No such image: nosuch");
  });
});

describe("import", () => {
  type Options = Parameters<TestEngine["images"]["import"]>[1];
  const options: Options = { repo: "", tag: "", message: "", changes: [], platform: undefined };
  const run = async (body: Uint8Array, more: Partial<Options> = {}): Promise<string[]> =>
    lines(await collect(engine.images.import(stream(body), { ...options, ...more }, call)));

  test("makes an image of one layer with the changes applied", async () => {
    const changes = [
      "CMD echo hi",
      'ENV A=b C="d e"',
      'ENTRYPOINT ["a"]',
      "WORKDIR foo",
      "EXPOSE 80 90/udp",
      "LABEL k=v",
      "USER u",
      "VOLUME /a /b",
      "WORKDIR $A",
    ];
    const [id = ""] = await run(gzipSync(layer("flat")), { repo: "flat", tag: "1", message: "hello", changes });
    const shown = await engine.images.inspect("flat:1", { manifests: false });
    expect(shown).toMatchObject({ Id: id, Comment: "hello", Size: 4, RootFS: { Layers: [sha256(layer("flat"))] } });
    expect(shown.Config).toMatchObject({
      Cmd: ["/bin/sh", "-c", "echo hi"],
      Entrypoint: ["a"],
      Env: ["A=b", "C=d e"],
      WorkingDir: "/foo/b",
      ExposedPorts: { "80/tcp": {}, "90/udp": {} },
      Labels: { k: "v" },
      User: "u",
      Volumes: { "/a": {}, "/b": {} },
    });
    expect(engine.events).toEqual(["tag flat:1", `import ${id}`]);
  });

  test("of an empty tar has no layer", async () => {
    const [id = ""] = await run(tar([]));
    expect((await engine.images.inspect(id, { manifests: false })).RootFS).toEqual({ Type: "layers" });
  });

  test("refuses what is wrong and leaves nothing", async () => {
    expect(await failure(run(layer("x"), { repo: "Foo" }))).toContain("must be lowercase");
    expect(await failure(run(layer("x"), { changes: ["RUN x"] }))).toBe("RUN is not a valid change command");
    expect(await failure(run(layer("x"), { platform: "windows" }))).toBe("operating system is not supported");
    expect(await failure(run(Buffer.from("junk")))).toBe("unexpected EOF");
    expect(readdirSync(join(engine.root, "content/blobs/sha256"))).toEqual([]);
    expect(engine.snapshots.list()).toEqual([]);
  });
});

describe("after a crash", () => {
  test("what has no row is swept, what has stays", async () => {
    await load({ image: one, tags: ["one:1"] });
    const blobs = readdirSync(join(engine.root, "content/blobs/sha256"));
    expect(blobs).toHaveLength(1);
    await engine.snapshots.prepare("unpack-left", undefined);
    await engine.snapshots.prepare("unpack-committed", undefined);
    await engine.snapshots.commit("unpack-committed", sha256("a layer without a row"));
    writeFileSync(join(engine.root, "content/blobs/sha256", sha256("left").slice(7)), "left");
    writeFileSync(join(engine.root, "content/scratch/left"), "left");
    await engine.images.sweep();
    expect(engine.snapshots.list().map((row) => row.key)).toEqual([sha256(layer("a"))]);
    expect(readdirSync(join(engine.root, "content/blobs/sha256"))).toEqual(blobs);
    expect(readdirSync(join(engine.root, "content/scratch"))).toEqual([]);
    expect((await engine.images.resolve("one:1")).id).toBe(parseDigest(one.id));
  });
});
