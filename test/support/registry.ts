import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { sha256Hex } from "./images.ts";
import { tar, type TarEntry } from "./tar.ts";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** A registry on a port of 127.0.0.1 that holds one image, `tiny:1`: enough for a pull. */
export class OneImageRegistry implements AsyncDisposable {
  readonly #server: Server;
  /** What is served, by the path behind `/v2/tiny/`. */
  readonly #content: Map<string, Buffer>;

  private constructor(content: Map<string, Buffer>) {
    this.#content = content;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(entries: readonly TarEntry[]): Promise<OneImageRegistry> {
    const registry = new OneImageRegistry(image(entries));
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** What a client pulls. */
  get image(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `127.0.0.1:${port}/tiny:1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    const content = this.#content.get(path.replace("/v2/tiny/", ""));
    if (path === "/v2/") response.end("{}");
    else if (content === undefined) response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
    else {
      const type = path.includes("/manifests/") ? MANIFEST : "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-length": content.length });
      response.end(request.method === "HEAD" ? undefined : content);
    }
  }
}

function image(entries: readonly TarEntry[]): Map<string, Buffer> {
  const layer = tar(entries);
  const packed = gzipSync(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      created: "2024-01-01T00:00:00Z",
      config: { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256Hex(layer)}`] },
      history: [{ created: "2024-01-01T00:00:00Z", created_by: "test" }],
    }),
  );
  const descriptor = (mediaType: string, data: Buffer) => ({
    mediaType,
    size: data.length,
    digest: `sha256:${sha256Hex(data)}`,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: descriptor("application/vnd.docker.container.image.v1+json", config),
      layers: [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", packed)],
    }),
  );
  const blobs = [config, packed].map((data): [string, Buffer] => [`blobs/sha256:${sha256Hex(data)}`, data]);
  return new Map([...blobs, ["manifests/1", manifest], [`manifests/sha256:${sha256Hex(manifest)}`, manifest]]);
}
