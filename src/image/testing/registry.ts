import http from "node:http";
import type { AddressInfo } from "node:net";
import { isDigest, sha256 } from "../../base/index.ts";
import { DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST } from "../../spec/index.ts";
import { descriptor, type TestImage } from "./archives.ts";
import { gzipSync } from "node:zlib";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => boolean;

/** A registry in this process that does as it is told: also lie, drop, hang, and send elsewhere. */
export class TestRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { bytes: Buffer; mediaType: string }>();
  /** `METHOD path` of each request, with its range. */
  readonly requests: string[] = [];
  /** Asked first; true when it has answered. */
  intercept: Handler = () => false;
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      const range = request.headers.range === undefined ? "" : ` ${request.headers.range}`;
      this.requests.push(`${request.method} ${request.url}${range}`);
      if (!this.intercept(request, response)) void this.#serve(request, response);
    });
  }

  static async start(): Promise<TestRegistry> {
    const registry = new TestRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `127.0.0.1:${port}`;
  }

  /** Puts an image with gzipped layers there. @returns the manifest's digest. */
  put(name: string, tag: string, source: TestImage): string {
    const layers = source.layers.map((layer) => gzipSync(layer));
    for (const bytes of [...layers, source.config]) this.blobs.set(sha256(bytes), bytes);
    const manifest = {
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: descriptor(DOCKER_CONFIG, source.config),
      layers: layers.map((layer) => descriptor(DOCKER_LAYER_GZIP, layer)),
    };
    return this.putManifest(name, tag, manifest, DOCKER_MANIFEST);
  }

  putManifest(name: string, tag: string, manifest: object, mediaType: string): string {
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = sha256(bytes);
    for (const reference of [tag, digest]) this.manifests.set(`${name}:${reference}`, { bytes, mediaType });
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://registry");
    const [, name = "", kind = "", reference = ""] = /^\/v2\/(.+?)\/(manifests|blobs|tags)\/(.*)$/.exec(pathname) ?? [];
    if (pathname === "/v2/") response.end("{}");
    else if (kind === "manifests") await this.#manifest(request, response, `${name}:${reference}`);
    else if (kind === "tags") this.#tags(response, name);
    else if (reference.startsWith("uploads/")) await this.#upload(request, response, name, searchParams);
    else if (kind === "blobs") this.#blob(request, response, reference);
    else refuse(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
  }

  async #manifest(request: http.IncomingMessage, response: http.ServerResponse, key: string): Promise<void> {
    if (request.method === "PUT") {
      const bytes = await bodyOf(request);
      const [name = "", tag = ""] = key.split(":");
      const mediaType = request.headers["content-type"] ?? "";
      for (const reference of [tag, sha256(bytes)]) this.manifests.set(`${name}:${reference}`, { bytes, mediaType });
      response.writeHead(201).end();
      return;
    }
    const found = this.manifests.get(key);
    if (found === undefined) return refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
    response.writeHead(200, { "content-type": found.mediaType, "content-length": found.bytes.length }).end(found.bytes);
  }

  #tags(response: http.ServerResponse, name: string): void {
    const keys = [...this.manifests.keys()].filter(
      (key) => key.startsWith(`${name}:`) && !isDigest(key.slice(name.length + 1)),
    );
    response.end(JSON.stringify({ name, tags: keys.map((key) => key.slice(name.length + 1)) }));
  }

  #blob(request: http.IncomingMessage, response: http.ServerResponse, digest: string): void {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) return refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const rest = bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": rest.length,
      ...(start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : rest);
  }

  async #upload(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    name: string,
    query: URLSearchParams,
  ): Promise<void> {
    const bytes = await bodyOf(request);
    const location = `/v2/${name}/blobs/uploads/1`;
    const mount = query.get("mount");
    if (request.method === "POST") {
      const mounted = mount !== null && this.blobs.has(mount);
      response.writeHead(mounted ? 201 : 202, { location }).end();
    } else if (request.method === "PATCH") {
      this.blobs.set(sha256(bytes), bytes);
      response.writeHead(202, { location }).end();
    } else {
      const digest = query.get("digest") ?? "";
      if (this.blobs.has(digest)) response.writeHead(201, { location }).end();
      else refuse(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
  }
}

export function refuse(response: http.ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array); // a stream without encoding gives bytes
  return Buffer.concat(chunks);
}
