import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../base/index.ts";
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST } from "../spec/index.ts";
import type { Context } from "./command.ts";
import { messageOf } from "./errors.ts";
import { parseImageName } from "./image-name.ts";
import { fetchManifest } from "./manifest-registry.ts";
import { ManifestStore } from "./manifest-store.ts";

setDefaultTimeout(120_000);

let server: Server;
let host: string;
/** What is served, by path. */
const content = new Map<string, { type: string; bytes: Uint8Array }>();

beforeEach(async () => {
  content.clear();
  server = createServer((request, response) => {
    const found = content.get(request.url ?? "");
    if (request.url === "/v2/") response.end("{}");
    else if (found === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    else response.writeHead(200, { "content-type": found.type }).end(found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

const context = { config: async () => ({}) } as Context; // what else it has is not asked for
const at = () => parseImageName(`${host}/app:1`);
const failure = async () => await fetchManifest(context, at(), true).then(() => "no error", messageOf);

function put(path: string, type: string, document: unknown): { digest: string; size: number } {
  const bytes = Buffer.from(JSON.stringify(document));
  const [digest, size] = [sha256(bytes), bytes.length];
  content.set(`/v2/app/${path}`, { type, bytes });
  content.set(`/v2/app/${path.replace(/\/.*/, "")}/${digest}`, { type, bytes });
  return { digest, size };
}
const image = (config: { digest: string; size: number }) => ({
  schemaVersion: 2,
  mediaType: DOCKER_MANIFEST,
  config: { mediaType: "x", ...config },
  layers: [],
});

describe("a registry that", () => {
  test("gives an index within an index is not followed any further", async () => {
    const inner = put("manifests/2", DOCKER_MANIFEST_LIST, { mediaType: DOCKER_MANIFEST_LIST, manifests: [] });
    put("manifests/1", DOCKER_MANIFEST_LIST, { mediaType: DOCKER_MANIFEST_LIST, manifests: [inner] });
    expect(await failure()).toBe(`${host}/app:1@${inner.digest} is a manifest list`);
  });

  test("gives another manifest than the list names is refused", async () => {
    const good = put("manifests/2", DOCKER_MANIFEST, image(put("blobs/c", "x", {})));
    put("manifests/1", DOCKER_MANIFEST_LIST, { mediaType: DOCKER_MANIFEST_LIST, manifests: [good] });
    content.set(`/v2/app/manifests/${good.digest}`, { type: DOCKER_MANIFEST, bytes: Buffer.from("{}") });
    expect(await failure()).toStartWith(`manifest verification failed for digest ${good.digest}`);
  });

  test("gives another configuration than the manifest names is refused", async () => {
    const config = put("blobs/c", "x", { os: "linux" });
    put("manifests/1", DOCKER_MANIFEST, image(config));
    content.set(`/v2/app/blobs/${config.digest}`, { type: "x", bytes: Buffer.from('{"os":"plan9"}') });
    expect(await failure()).toBe(`image config verification failed for digest ${config.digest}`);
  });

  test("gives an endless configuration is cut off", async () => {
    const config = put("blobs/c", "x", { os: "linux" });
    put("manifests/1", DOCKER_MANIFEST, image(config));
    content.set(`/v2/app/blobs/${config.digest}`, { type: "x", bytes: Buffer.alloc(9 * 1024 * 1024) });
    expect(await failure()).toBe(`image config ${config.digest} is larger than 8388608 bytes`);
  });

  test("gives what is no manifest, or two at once, is refused", async () => {
    const config = put("blobs/c", "x", {});
    for (const document of [
      { ...image(config), manifests: [] },
      { mediaType: "text/html" },
      image({ digest: "x", size: 1 }),
    ]) {
      put("manifests/1", DOCKER_MANIFEST, document);
      expect(await failure()).toBe(`${host}/app:1 is not a manifest`);
    }
    content.set("/v2/app/manifests/1", { type: DOCKER_MANIFEST, bytes: Buffer.from("<html>") });
    expect(await failure()).toStartWith("the registry's answer is no JSON: ");
  });

  test("does not have it is told in Docker's words", async () => {
    expect(await failure()).toBe(`no such manifest: ${host}/app:1`);
  });
});

test("a damaged file of a list names itself", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-manifest-store-"));
  try {
    const store = new ManifestStore(folder);
    const list = at();
    expect(await store.list(list)).toBeUndefined();
    await store.save(list, list, { Ref: 7 as unknown as string, Descriptor: { mediaType: "", digest: "d", size: 0 } }); // damaged
    expect(await store.list(list).then(() => "no error", messageOf)).toContain("invalid manifest file");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
