import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import type http from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ProgressMessage } from "../api/index.ts";
import { parseDigest, sha256 } from "../base/index.ts";
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from "../spec/index.ts";
import { descriptor, dockerArchive, image, stream, tar } from "./testing/archives.ts";
import { call, collect, failure, testEngine, type TestEngine } from "./testing/engine.ts";
import { refuse, TestRegistry } from "./testing/registry.ts";

setDefaultTimeout(120_000);

let engine: TestEngine;
let registry: TestRegistry;
beforeEach(async () => {
  registry = await TestRegistry.start();
  engine = await testEngine({ registry: { timeouts: { headersMs: 60_000, stallMs: 60_000 } } });
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** Does not compress, so that it comes in many pieces. */
const bulk = tar([{ name: "bulk", data: randomBytes(3_000_000) }]);
const source = image([tar([{ name: "a", data: "a" }]), bulk]);
const bulkDigest = sha256(gzipSync(bulk));

const messagesOf = async (repo: string, tag?: string, platform?: string, signal = call.signal) =>
  await collect(
    engine.images.pull({ repo: `${registry.host}/${repo}`, tag }, { platform, auth: undefined }, { ...call, signal }),
  );
const statusOf = (messages: readonly ProgressMessage[]): string[] =>
  messages.flatMap(({ status, id, error, progressDetail }) =>
    progressDetail?.current === undefined ? (error ?? `${id === undefined ? "" : `${id}: `}${status}`) : [],
  );
const pull = async (repo: string, tag?: string, platform?: string) => statusOf(await messagesOf(repo, tag, platform));

/** Files that the engine keeps. */
const kept = (folder: string): string[] => readdirSync(join(engine.root, "content", folder));

describe("pull", () => {
  test("brings an image and says what Docker says", async () => {
    const digest = registry.put("thing", "1", source);
    const said = await pull("thing", "1");
    const [a, b] = source.layers.map((layer) => sha256(gzipSync(layer)).slice(7, 19));
    expect(said.slice(0, 3)).toEqual(["1: Pulling from thing", `${a}: Pulling fs layer`, `${b}: Pulling fs layer`]);
    const of = (id: string | undefined) =>
      said.filter((line) => line.startsWith(`${id}: `)).map((line) => line.slice(14));
    for (const id of [a, b]) {
      expect(of(id)).toEqual(["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"]);
    }
    expect(said.slice(-2)).toEqual([
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${registry.host}/thing:1`,
    ]);
    const shown = await engine.images.inspect(`${registry.host}/thing:1`, { manifests: false });
    expect(shown).toMatchObject({ Id: source.id, RepoDigests: [`${registry.host}/thing@${digest}`], Size: 3_000_001 });
    expect(engine.events).toEqual([`pull ${registry.host}/thing`]);
    expect(kept("partial")).toEqual([]);
  });

  test("of what is there says so, without fetching a layer", async () => {
    const digest = registry.put("thing", "1", source);
    await pull("thing", "1");
    registry.requests.length = 0;
    expect(await pull("thing", "1")).toEqual([
      "1: Pulling from thing",
      `Digest: ${digest}`,
      `Status: Image is up to date for ${registry.host}/thing:1`,
    ]);
    expect(registry.requests.filter((line) => line.includes("blobs"))).toEqual([]);
  });

  test("leaves out the layers that another image brought", async () => {
    registry.put("thing", "1", image([source.layers[0] ?? bulk]));
    registry.put("thing", "2", source);
    await pull("thing", "1");
    const first = sha256(gzipSync(source.layers[0] ?? bulk)).slice(7, 19);
    expect(await pull("thing", "2")).toContain(`${first}: Already exists`);
  });

  test("by digest, and of all tags", async () => {
    const digest = registry.put("thing", "1", source);
    registry.put("thing", "2", image([bulk]));
    expect(await pull("thing", digest)).toContain(
      `Status: Downloaded newer image for ${registry.host}/thing@${digest}`,
    );
    expect((await engine.images.resolve(`${registry.host}/thing@${digest}`)).id).toBe(parseDigest(source.id));
    expect((await pull("thing")).at(-1)).toBe(`Status: Downloaded newer image for ${registry.host}/thing`);
    expect(
      (await engine.images.list({ all: false, filters: new Map(), sharedSize: false, manifests: false })).length,
    ).toBe(2);
  });

  test("the same from many sides at once", async () => {
    registry.put("thing", "1", source);
    const all = await Promise.all([1, 2, 3, 4].map(() => pull("thing", "1")));
    for (const said of all) expect(said.at(-1)).toMatch(/^Status: /);
    expect(registry.requests.filter((line) => line.startsWith(`GET /v2/thing/blobs/${bulkDigest}`))).toHaveLength(1);
  });

  test("an image whose layers are equal", async () => {
    registry.put("twice", "1", image([bulk, bulk, bulk]));
    expect((await pull("twice", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(registry.requests.filter((line) => line.includes(bulkDigest))).toHaveLength(1);
  });

  test("chooses the platform in an index", async () => {
    const own = image([bulk]);
    const other = image([tar([{ name: "other", data: "o" }])], { architecture: "s390x" });
    const entry = (name: string, member: typeof own, architecture: string, mediaType: string) => {
      registry.put("multi", name, member);
      const bytes = registry.manifests.get(`multi:${name}`)?.bytes ?? Buffer.alloc(0);
      return { ...descriptor(mediaType, bytes), platform: { os: "linux", architecture } };
    };
    const arch = String(JSON.parse(String(own.config)).architecture);
    const manifests = [entry("o", other, "s390x", DOCKER_MANIFEST), entry("m", own, arch, DOCKER_MANIFEST)];
    const digest = registry.putManifest(
      "multi",
      "1",
      { schemaVersion: 2, mediaType: DOCKER_MANIFEST_LIST, manifests },
      DOCKER_MANIFEST_LIST,
    );
    expect(await pull("multi", "1")).toContain(`Digest: ${digest}`);
    expect((await engine.images.resolve(`${registry.host}/multi:1`)).id).toBe(parseDigest(own.id));
    expect((await pull("multi", "1", "linux/s390x")).at(-1)).toMatch(/^Status: Downloaded/);
    expect((await engine.images.resolve(`${registry.host}/multi:1`)).id).toBe(parseDigest(other.id));
    expect((await pull("multi", "1", "linux/riscv64")).at(-1)).toBe(
      "no matching manifest for linux/riscv64 in the manifest list entries",
    );
  });
});

test("an image of another platform than was asked for comes, and that is told at the end", async () => {
  registry.put("foreign", "1", image([bulk], { architecture: "s390x" }));
  const name = `${registry.host}/foreign:1`;
  for (const outcome of ["Downloaded newer image", "Image is up to date"])
    expect((await pull("foreign", "1", "linux/riscv64")).slice(-2)).toEqual([
      `Status: ${outcome} for ${name}`,
      `WARNING: image with reference ${name} was found but its platform (linux/s390x) does not match the specified platform (linux/riscv64)`,
    ]);
});

describe("what a registry has", () => {
  const distribution = async (name: string) =>
    await engine.images.distribution(`${registry.host}/${name}`, undefined, call);

  test("under a tag or a digest is told, and not kept", async () => {
    const digest = registry.put("thing", "1", source);
    const known = await distribution("thing:1");
    expect(known).toEqual({
      Descriptor: { mediaType: DOCKER_MANIFEST, digest, size: expect.any(Number) },
      Platforms: [{ architecture: "amd64", os: "linux" }],
    });
    expect(await distribution(`thing@${digest}`)).toEqual(known);
    const all = { all: true, filters: new Map(), sharedSize: false, manifests: false };
    expect(await engine.images.list(all)).toEqual([]);
    expect(kept("partial")).toEqual([]);
  });

  test("as an index is told with all its platforms", async () => {
    const platforms = [
      { os: "linux", architecture: "arm64", variant: "v8" },
      { os: "windows", architecture: "amd64", "os.version": "10.0" },
    ];
    const manifests = platforms.map((platform) => ({ ...descriptor(OCI_MANIFEST, Buffer.from("{}")), platform }));
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    const digest = registry.putManifest("thing", "1", index, OCI_INDEX);
    expect(await distribution("thing:1")).toEqual({
      Descriptor: { mediaType: OCI_INDEX, digest, size: JSON.stringify(index).length },
      Platforms: platforms,
    });
  });

  test("or has not, and what names nothing, is told as Docker tells it", async () => {
    registry.put("thing", "1", source);
    expect(await failure(distribution("thing:2"))).toBe("manifest unknown: manifest unknown");
    expect(await failure(engine.images.distribution(source.id, undefined, call))).toBe(
      "no manifest found for full image ID",
    );
    expect(await failure(engine.images.distribution("UPPER", undefined, call))).toContain("must be lowercase");
  });

  test("is told without the platform when the configuration cannot be read", async () => {
    registry.put("thing", "1", source);
    registry.intercept = (request, response) => {
      if (request.url?.includes("/blobs/") !== true) return false;
      refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
      return true;
    };
    expect((await distribution("thing:1")).Platforms).toEqual([]);
  });
});

describe("a registry that", () => {
  const blobOnce = (answer: (response: http.ServerResponse, bytes: Buffer, start: number) => void): void => {
    let done = false;
    registry.intercept = (request, response) => {
      if (done || !request.url?.endsWith(`/blobs/${bulkDigest}`)) return false;
      done = true;
      answer(response, registry.blobs.get(bulkDigest) ?? Buffer.alloc(0), 0);
      return true;
    };
  };
  beforeEach(() => void registry.put("thing", "1", source));

  test("has nothing is quoted as Docker quotes it", async () => {
    const { host } = registry;
    expect(await failure(pull("thing", "2"))).toBe(
      `manifest for ${host}/thing:2 not found: manifest unknown: manifest unknown`,
    );
    registry.intercept = (_, response) => (
      refuse(response, 403, "DENIED", "requested access to the resource is denied"),
      true
    );
    expect(await failure(pull("thing", "1"))).toBe(
      `pull access denied for ${host}/thing, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    );
    const closed = await TestRegistry.start();
    const { host: gone } = closed;
    await closed[Symbol.asyncDispose]();
    expect(
      await failure(
        collect(engine.images.pull({ repo: `${gone}/x`, tag: "1" }, { platform: undefined, auth: undefined }, call)),
      ),
    ).toBe(`Get "http://${gone}/v2/": dial tcp ${gone}: connect: connection refused`);
  });

  test("drops the connection is asked for the rest", async () => {
    blobOnce((response, bytes) => {
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 1_000_000), () => response.socket?.destroy());
    });
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(registry.requests.some((line) => /blobs\/.* bytes=[1-9]\d*-$/.test(line))).toBe(true);
  });

  test("drops it again and again is given up, and what came is kept for the next pull", async () => {
    let tries = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(`/blobs/${bulkDigest}`)) return false;
      tries++;
      const bytes = registry.blobs.get(bulkDigest) ?? Buffer.alloc(0);
      const start = Number(/bytes=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        "content-length": bytes.length - start,
        "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      });
      response.write(bytes.subarray(start, start + 100_000), () => response.socket?.destroy());
      return true;
    };
    expect((await pull("thing", "1")).at(-1)).toContain("unexpected EOF");
    expect(tries).toBe(5);
    expect(kept("partial")).toContain(bulkDigest.slice(7));
    registry.intercept = () => false;
    registry.requests.length = 0;
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(registry.requests.filter((line) => line.includes(bulkDigest)).join()).toMatch(/ bytes=[1-9]\d*-$/);
    expect(kept("partial")).toEqual([]);
  });

  test("does no ranges is read anew, and what is there is skipped", async () => {
    let tries = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(`/blobs/${bulkDigest}`)) return false;
      const bytes = registry.blobs.get(bulkDigest) ?? Buffer.alloc(0);
      response.writeHead(200, { "content-length": bytes.length });
      if (tries++ > 0) response.end(bytes);
      else response.write(bytes.subarray(0, 500_000), () => response.socket?.destroy());
      return true;
    };
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(tries).toBe(2);
  });

  test("dropped it after wrong bytes does not spoil the next pull", async () => {
    const cut = 500_000;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(`/blobs/${bulkDigest}`)) return false;
      const bytes = Buffer.from(registry.blobs.get(bulkDigest) ?? []);
      bytes[cut - 1000] = (bytes[cut - 1000] ?? 0) ^ 1;
      // Nothing more comes of what was begun
      const start = Number(/bytes=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        "content-length": bytes.length - start,
        "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      });
      response.write(bytes.subarray(start, cut), () => response.socket?.destroy());
      return true;
    };
    expect((await pull("thing", "1")).at(-1)).toContain("unexpected EOF");
    expect(kept("partial")).toContain(bulkDigest.slice(7));
    registry.intercept = () => false;
    registry.requests.length = 0;
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(registry.requests.filter((line) => line.includes(bulkDigest)).length).toBe(2);
  });

  const lies: Array<[name: string, bytes: (right: Buffer) => Buffer]> = [
    ["gives other bytes of the same size", (right) => Buffer.alloc(right.length, "x")],
    [
      "changes one byte",
      (right) => Buffer.concat([right.subarray(0, -9), Buffer.from([(right.at(-9) ?? 0) ^ 1]), right.subarray(-8)]),
    ],
    [
      "gives another layer",
      (right) => Buffer.concat([gzipSync(tar([{ name: "evil", data: "x" }])), right]).subarray(0, right.length),
    ],
    ["gives more than it said", (right) => Buffer.concat([right, right])],
    ["gives less than it said", (right) => right.subarray(0, -5)],
  ];
  for (const [name, lie] of lies) {
    test(`${name} is refused, and the next pull starts anew`, async () => {
      const right = registry.blobs.get(bulkDigest) ?? Buffer.alloc(0);
      registry.blobs.set(bulkDigest, lie(right));
      registry.requests.length = 0;
      const last = (await pull("thing", "1")).at(-1) ?? "";
      expect(last).toMatch(
        /verification failed for digest|unexpected commit size|invalid gzip data|invalid tar header|unexpected EOF/,
      );
      // It will not be another one in some seconds
      expect(registry.requests.filter((line) => line.includes(bulkDigest)).length).toBe(1);
      expect(engine.snapshots.list()).toEqual([]);
      expect(kept("blobs/sha256")).toEqual([]);
      registry.blobs.set(bulkDigest, right);
      expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    });
  }

  test("gives another config is refused", async () => {
    registry.blobs.set(source.id, image([bulk]).config);
    expect((await pull("thing", "1")).at(-1)).toContain(
      `error pulling image configuration: image config verification failed for digest ${source.id}`,
    );
  });

  test("gives another manifest than the digest asked for is refused", async () => {
    const digest = registry.put("thing", "1", source);
    registry.manifests.set(`thing:${digest}`, { bytes: Buffer.from("{}"), mediaType: DOCKER_MANIFEST });
    expect(await failure(pull("thing", digest))).toContain(`manifest verification failed for digest ${digest}`);
  });

  test("gives a manifest that is an index as well is refused", async () => {
    registry.putManifest("both", "1", { schemaVersion: 2, manifests: [], layers: [], config: {} }, OCI_INDEX);
    expect((await pull("both", "1")).at(-1)).toContain("an index and a manifest at once");
    registry.putManifest("both", "2", { schemaVersion: 2, manifests: [] }, OCI_MANIFEST);
    expect((await pull("both", "2")).at(-1)).toContain("an index and a manifest at once");
  });

  test("gives an index within an index is not followed any further", async () => {
    const entry = (bytes: Buffer) => ({
      ...descriptor(OCI_INDEX, bytes),
      platform: { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch },
    });
    const inner = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
    registry.putManifest("nested", "inner", inner, OCI_INDEX);
    const manifests = [entry(Buffer.from(JSON.stringify(inner)))];
    registry.putManifest("nested", "1", { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX);
    expect((await pull("nested", "1")).at(-1)).toContain("no matching manifest for linux/");
    expect(registry.requests.filter((line) => line.includes("/nested/manifests/"))).toHaveLength(2);
  });

  test("says that a manifest is something else is not believed, nor is a page that says that it is a manifest", async () => {
    const { bytes } = registry.manifests.get("thing:1") ?? { bytes: Buffer.alloc(0) };
    registry.manifests.set("thing:1", { bytes, mediaType: "text/html" });
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    registry.manifests.set("page:1", { bytes: Buffer.from("<html>"), mediaType: DOCKER_MANIFEST });
    expect((await pull("page", "1")).at(-1)).toMatch(/^(?!Status: ).*manifest/);
    registry.manifests.set("page:2", { bytes: Buffer.from('{"a":1}'), mediaType: "text/html" });
    expect((await pull("page", "2")).at(-1)).toContain("text/html");
  });

  test("names other places for its layers does not get them asked", async () => {
    const other = await TestRegistry.start();
    const layer = gzipSync(source.layers[0] ?? bulk);
    const thing = image([source.layers[0] ?? bulk]);
    registry.put("foreign", "1", thing);
    const { bytes } = registry.manifests.get("foreign:1") ?? { bytes: Buffer.alloc(0) };
    const manifest = JSON.parse(String(bytes)) as { layers: Array<Record<string, unknown>> }; // the registry's own
    for (const each of manifest.layers) {
      each["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
      each["urls"] = [`http://${other.host}/v2/x/blobs/${sha256(layer)}`, "file:///etc/shadow"];
    }
    registry.putManifest("foreign", "1", manifest, DOCKER_MANIFEST);
    registry.blobs.delete(sha256(layer));
    expect((await pull("foreign", "1")).at(-1)).toBe("unknown blob");
    registry.blobs.set(sha256(layer), layer);
    expect((await pull("foreign", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(other.requests).toEqual([]);
    await other[Symbol.asyncDispose]();
  });

  test.each([
    ["goes on further behind than it was asked to", (start: number) => start + 1000],
    ["says that it goes on at no place that there is", () => Number.MAX_SAFE_INTEGER],
  ])("%s is asked again, and given up", async (_, where) => {
    let tries = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(`/blobs/${bulkDigest}`)) return false;
      tries++;
      const bytes = registry.blobs.get(bulkDigest) ?? Buffer.alloc(0);
      const start = Number(/bytes=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
      if (start === 0) {
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, 100_000), () => response.socket?.destroy());
      } else {
        const range = `bytes ${where(start)}-${bytes.length - 1}/${bytes.length}`;
        response.writeHead(206, { "content-range": range }).end(bytes.subarray(start + 1000));
      }
      return true;
    };
    expect((await pull("thing", "1")).at(-1)).toContain("the registry left out a part of the blob");
    expect(tries).toBe(5);
  });

  test.each([
    ["larger", 1],
    ["smaller", -1],
  ])("says that a layer is %s than it is is refused", async (_, difference) => {
    const { bytes } = registry.manifests.get("thing:1") ?? { bytes: Buffer.alloc(0) };
    const manifest = JSON.parse(String(bytes)) as { layers: Array<{ size: number }> }; // the registry's own
    for (const layer of manifest.layers) layer.size += difference;
    registry.putManifest("thing", "1", manifest, DOCKER_MANIFEST);
    expect((await pull("thing", "1")).at(-1)).toMatch(/unexpected EOF|unexpected commit size|verification failed/);
    expect(engine.snapshots.list()).toEqual([]);
    expect(kept("blobs/sha256")).toEqual([]);
  });

  test("gives a layer that is not the one of the configuration, and large once unpacked, leaves nothing of it", async () => {
    const bomb = image([tar([{ name: "zeros", data: Buffer.alloc(32 * 1024 * 1024) }])]);
    registry.put("bomb", "1", { ...bomb, ...image([bulk]), layers: bomb.layers });
    expect((await pull("bomb", "1")).at(-1)).toContain("invalid diffID for layer 0");
    expect(engine.snapshots.list()).toEqual([]);
    expect(kept("blobs/sha256")).toEqual([]);
    expect(kept("partial")).toEqual([]);
  });

  test("gives an endless manifest is cut off", async () => {
    registry.manifests.set("huge:1", { bytes: Buffer.alloc(5 * 1024 * 1024, " "), mediaType: DOCKER_MANIFEST });
    expect(await failure(pull("huge", "1"))).toContain("the answer is larger than 4194304 bytes");
  });

  test("gives a page for a manifest is told what is wrong with it in Go's words", async () => {
    registry.manifests.set("page:1", { bytes: Buffer.from("<html>"), mediaType: DOCKER_MANIFEST });
    expect((await pull("page", "1")).at(-1)).toContain("invalid character '<' looking for beginning of value");
  });

  test("gives what is no image is refused", async () => {
    const chart = {
      schemaVersion: 2,
      config: descriptor("application/vnd.cncf.helm.config.v1+json", Buffer.from("{}")),
      layers: [],
    };
    registry.putManifest("chart", "1", chart, OCI_MANIFEST);
    expect((await pull("chart", "1")).at(-1)).toContain(
      "unsupported image config media type: application/vnd.cncf.helm",
    );
  });
});

describe("a pull that is cancelled", () => {
  test("ends, and leaves what came for the next", async () => {
    registry.put("thing", "1", source);
    const stop = new AbortController();
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(`/blobs/${bulkDigest}`) || stop.signal.aborted) return false;
      const bytes = registry.blobs.get(bulkDigest) ?? Buffer.alloc(0);
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 1_000_000)); // and then nothing more
      return true;
    };
    const messages: ProgressMessage[] = [];
    const request = engine.images.pull(
      { repo: `${registry.host}/thing`, tag: "1" },
      { platform: undefined, auth: undefined },
      { ...call, signal: stop.signal },
    );
    for await (const message of await request) {
      messages.push(message);
      if ((message.progressDetail?.current ?? 0) > 0 && message.id === bulkDigest.slice(7, 19)) stop.abort();
    }
    expect(messages.at(-1)?.error).toBeDefined();
    // Layers come at once, so that another one may have come in part, too.
    expect(kept("partial")).toContain(bulkDigest.slice(7));
    registry.requests.length = 0;
    expect((await pull("thing", "1")).at(-1)).toMatch(/^Status: Downloaded/);
    expect(registry.requests.filter((line) => line.includes(bulkDigest)).join()).toMatch(/ bytes=[1-9]\d*-$/);
  });
});

describe("push", () => {
  const load = async (tag: string): Promise<void> =>
    void (await collect(
      engine.images.load(stream(dockerArchive([{ image: source, tags: [tag] }])), { quiet: true, platforms: [] }, call),
    ));
  const push = async (repo: string, tag?: string) =>
    statusOf(
      await collect(
        engine.images.push(`${registry.host}/${repo}`, { tag, platform: undefined, auth: undefined }, call),
      ),
    );

  test("uploads what is missing; pulled again it is the same image", async () => {
    await load(`${registry.host}/out:1`);
    const said = await push("out", "1");
    const ids = source.layers.map((layer) => sha256(layer).slice(7, 19));
    expect(said[0]).toBe(`The push refers to repository [${registry.host}/out]`);
    for (const id of ids) expect(said).toContain(`${id}: Pushed`);
    const digest = /digest: (\S+) size: \d+/.exec(said.find((line) => line.startsWith("1: digest")) ?? "")?.[1] ?? "";
    expect(registry.manifests.has(`out:${digest}`)).toBe(true);
    expect(await push("out", "1")).toContain(`${ids[0]}: Layer already exists`);
    expect((await engine.images.inspect(source.id, { manifests: false })).RepoDigests).toEqual([
      `${registry.host}/out@${digest}`,
    ]);
    await engine.images.remove(source.id, { force: true, noprune: false, platforms: [] });
    expect(await pull("out", "1")).toContain(`Digest: ${digest}`);
    expect((await engine.images.resolve(`${registry.host}/out:1`)).id).toBe(parseDigest(source.id));
  });

  test("mounts what another repository there has", async () => {
    await load(`${registry.host}/out:1`);
    await push("out", "1");
    await engine.images.tag(`${registry.host}/out:1`, { repo: `${registry.host}/other`, tag: "1" });
    registry.intercept = (request, response) => {
      const isHead = request.method === "HEAD" && request.url?.startsWith("/v2/other/blobs/sha256") === true;
      if (isHead) refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
      return isHead;
    };
    const said = await push("other", "1");
    for (const layer of source.layers) expect(said).toContain(`${sha256(layer).slice(7, 19)}: Mounted from out`);
  });

  test("of a name that is not here says so", async () => {
    expect(await push("nosuch", "1")).toEqual([
      `The push refers to repository [${registry.host}/nosuch]`,
      `An image does not exist locally with the tag: ${registry.host}/nosuch`,
    ]);
    await load(`${registry.host}/out:1`);
    expect((await push("out", "2")).at(-1)).toBe(`tag does not exist: ${registry.host}/out:2`);
  });
});
