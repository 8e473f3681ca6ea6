import { isDigest, sha256, type Digest } from "../base/index.ts";
import { MANIFEST_TYPES } from "../spec/index.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Endpoint } from "./endpoints.ts";
import { isMissing, registryError, unknownBlob, uploadWithoutLocation, wrongManifestDigest } from "./errors.ts";
import { isRecord, readJson } from "./json.ts";
import { redirectTarget, type HttpAnswer, type HttpRequest } from "./transport.ts";
import type { BlobAnswer, ManifestAnswer, RepositoryClient } from "./types.ts";

/** Larger manifests are refused by registries as well. */
const MAX_MANIFEST = 4 * 1024 * 1024;
const MAX_ERROR = 64 * 1024;
const MAX_TAGS = 10_000;
/** A registry that has a page after each is not followed for ever, also when there is nothing on them. */
const MAX_PAGES = 1000;

/** A repository at one endpoint: the routes of the distribution spec. */
export class RepositoryAt implements RepositoryClient {
  readonly #endpoint: Endpoint;
  readonly #authorizer: Authorizer;
  readonly #path: string;
  readonly #access: "pull" | "push";

  constructor(endpoint: Endpoint, authorizer: Authorizer, path: string, access: "pull" | "push") {
    this.#endpoint = endpoint;
    this.#authorizer = authorizer;
    this.#path = path;
    this.#access = access;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestAnswer> {
    const accept = [...MANIFEST_TYPES, "*/*;q=0.1"].join(", ");
    const request = this.#request("GET", `manifests/${tagOrDigest}`, signal, { accept });
    const answer = await this.#send(request, [200]);
    const bytes = await answer.bytes(MAX_MANIFEST);
    const digest = sha256(bytes);
    const asked = isDigest(tagOrDigest) ? tagOrDigest : undefined;
    if (asked !== undefined && asked !== digest) throw wrongManifestDigest(asked, digest);
    return { bytes, digest, mediaType: (answer.header("content-type") ?? "").split(";")[0]?.trim() ?? "" };
  }

  async blob(digest: Digest, offset: number, signal: AbortSignal): Promise<BlobAnswer> {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const request = this.#request("GET", `blobs/${digest}`, signal, headers);
    const answer = await this.#send(request, [200, 206]).catch((error: unknown) => {
      throw isMissing(error) ? unknownBlob(error.code) : error;
    });
    const isPart = answer.status === 206;
    return {
      offset: isPart ? rangeStart(answer, offset) : 0,
      isWhole: !isPart && answer.header("content-length") !== undefined,
      body: answer.stream(),
    };
  }

  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#send(this.#request("HEAD", `blobs/${digest}`, signal), [200, 404]);
    answer.discard();
    return answer.status === 200;
  }

  async mountBlob(digest: Digest, fromPath: string, signal: AbortSignal): Promise<boolean> {
    const url = this.#url("blobs/uploads/");
    url.searchParams.set("mount", digest);
    url.searchParams.set("from", fromPath);
    const request: HttpRequest = { ...this.#request("POST", "blobs/uploads/", signal), url, body: new Uint8Array() };
    const answer = await this.#send(request, [201, 202], [`repository:${fromPath}:pull`]);
    answer.discard();
    if (answer.status === 202) await this.#cancelUpload(answer, signal);
    return answer.status === 201;
  }

  async uploadBlob(
    blob: { digest: Digest; size: number },
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const start = this.#request("POST", "blobs/uploads/", signal);
    const started = await this.#send({ ...start, body: new Uint8Array() }, [202]);
    started.discard();
    const url = uploadUrl(started, start.insecure);
    const headers = { "content-type": "application/octet-stream", "content-length": String(blob.size) };
    const patch: HttpRequest = { ...start, method: "PATCH", url, headers, body: open() };
    const sent = await this.#send(patch, [202]);
    sent.discard();
    const finish = uploadUrl(sent, start.insecure);
    finish.searchParams.set("digest", blob.digest);
    const put: HttpRequest = { ...start, method: "PUT", url: finish, body: new Uint8Array() };
    (await this.#send(put, [201])).discard();
  }

  async putManifest(tagOrDigest: string, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<void> {
    const request = this.#request("PUT", `manifests/${tagOrDigest}`, signal, { "content-type": mediaType });
    (await this.#send({ ...request, body: bytes }, [201, 200, 202])).discard();
  }

  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let request: HttpRequest | undefined = this.#request("GET", "tags/list", signal);
    for (let page = 1; request !== undefined; page++) {
      const answer: HttpAnswer = await this.#send(request, [200]);
      tags.push(...readTags(answer.url, await answer.bytes(MAX_MANIFEST)));
      const next: URL | undefined = nextPage(answer);
      // Pages stay with the registry, and end.
      const goesOn: boolean = next?.origin === this.#endpoint.base.origin && tags.length < MAX_TAGS && page < MAX_PAGES;
      request = next !== undefined && goesOn ? { ...request, url: next } : undefined;
    }
    return tags;
  }

  async #cancelUpload(answer: HttpAnswer, signal: AbortSignal): Promise<void> {
    if (answer.header("location") === undefined) return;
    const request: HttpRequest = {
      ...this.#request("DELETE", "", signal),
      url: uploadUrl(answer, this.#endpoint.insecure),
    };
    // The registry forgets unfinished uploads by itself; telling it is a courtesy.
    await this.#send(request, [204, 202, 200]).then(
      (deleted) => deleted.discard(),
      () => undefined,
    );
  }

  async #send(request: HttpRequest, accepted: readonly number[], moreScopes: string[] = []): Promise<HttpAnswer> {
    const actions = this.#access === "push" ? "pull,push" : "pull";
    const scopes = [`repository:${this.#path}:${actions}`, ...moreScopes];
    const answer = await this.#authorizer.send(this.#endpoint, request, scopes);
    if (accepted.includes(answer.status)) return answer;
    const body = new TextDecoder().decode(await answer.bytes(MAX_ERROR));
    throw registryError(request.method, request.url, answer, body);
  }

  #request(
    method: HttpRequest["method"],
    route: string,
    signal: AbortSignal,
    headers: Record<string, string> = {},
  ): HttpRequest {
    return { method, url: this.#url(route), headers, insecure: this.#endpoint.insecure, signal };
  }

  #url(route: string): URL {
    const { base } = this.#endpoint;
    return new URL(`${base.pathname.replace(/\/$/, "")}/v2/${this.#path}/${route}`, base);
  }
}

/**
 * Where a registry says that the upload goes on: also on another host, which then gets no credentials.
 * @throws invalid for a place that no redirect may lead to.
 */
function uploadUrl(answer: HttpAnswer, insecure: boolean): URL {
  const location = answer.header("location");
  if (location === undefined) throw uploadWithoutLocation();
  return redirectTarget(answer.url, location, insecure);
}

/** @throws invalid when it is no JSON. */
function readTags(url: URL, bytes: Uint8Array): string[] {
  const value = readJson(url, bytes);
  const tags = isRecord(value) ? value["tags"] : undefined;
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

/** `Link: </v2/name/tags/list?…>; rel="next"` (RFC 5988). */
function nextPage(answer: HttpAnswer): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.header("link") ?? "")?.[1];
  return target !== undefined && URL.canParse(target, answer.url.href) ? new URL(target, answer.url) : undefined;
}

function rangeStart(answer: HttpAnswer, asked: number): number {
  const start = /^bytes (\d+)-/.exec(answer.header("content-range") ?? "")?.[1];
  return start === undefined ? asked : Number(start);
}
