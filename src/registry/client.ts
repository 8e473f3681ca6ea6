import type { Digest } from "../base/index.ts";
import { Authorizer } from "./authorizer.ts";
import { endpointsOf, type Endpoint } from "./endpoints.ts";
import { loginFailed, registryError } from "./errors.ts";
import { RepositoryAt } from "./repository.ts";
import { search } from "./search.ts";
import { Transport } from "./transport.ts";
import type {
  BlobAnswer,
  Found,
  ManifestAnswer,
  RegistryAuth,
  RegistryClient,
  RegistryConfig,
  RepositoryClient,
} from "./types.ts";

const HUB_ADDRESS = /^(https?:\/\/)?(index\.docker\.io(\/v1\/?)?|registry-1\.docker\.io\/?|docker\.io\/?)$/;

/** A client of registries that speak the OCI distribution spec. Keeps connections and what it learned of each host. */
export function createRegistryClient(config: RegistryConfig): RegistryClient {
  return new Client(config);
}

class Client implements RegistryClient {
  readonly #config: RegistryConfig;
  readonly #transport: Transport;
  /** By base URL: whether a registry answered there. Only successes are remembered. */
  readonly #alive = new Set<string>();

  constructor(config: RegistryConfig) {
    this.#config = config;
    this.#transport = new Transport({ timeouts: config.timeouts, certificates: config.certificates });
  }

  repository(
    name: { domain: string; path: string },
    auth: RegistryAuth | undefined,
    access: "pull" | "push",
  ): RepositoryClient {
    // A mirror is nobody's to push to, and gets no credentials of the registry that it mirrors.
    const all = endpointsOf(name.domain, this.#config);
    const endpoints = access === "push" ? all.filter((endpoint) => !endpoint.mirror) : all;
    const places = this.#orderKnownFirst(endpoints).map((endpoint) => ({
      endpoint,
      repository: new RepositoryAt(
        endpoint,
        new Authorizer(this.#transport, endpoint.mirror ? undefined : auth),
        name.path,
        access,
      ),
    }));
    return new Fallback(places, (endpoint, signal) => this.#ping(endpoint, signal));
  }

  search(
    domain: string,
    query: { term: string; limit: number },
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<Found[]> {
    return search(this.#transport, this.#config, domain, query, auth, signal);
  }

  async login(auth: RegistryAuth, signal: AbortSignal): Promise<string> {
    const address = auth.serveraddress ?? "";
    const domain =
      address === "" || HUB_ADDRESS.test(address)
        ? "docker.io"
        : address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
    const endpoints = endpointsOf(domain, this.#config).filter((endpoint) => !endpoint.mirror);
    let failure: unknown;
    for (const endpoint of endpoints) {
      try {
        await this.#ping(endpoint, signal);
      } catch (error) {
        failure = error;
        continue;
      }
      await this.#checkLogin(endpoint, auth, signal);
      return "";
    }
    throw failure;
  }

  async #checkLogin(endpoint: Endpoint, auth: RegistryAuth, signal: AbortSignal): Promise<void> {
    const url = versionUrl(endpoint);
    const authorizer = new Authorizer(this.#transport, auth);
    const answer = await authorizer.send(
      endpoint,
      { method: "GET", url, headers: {}, insecure: endpoint.insecure, signal },
      [],
    );
    const body = new TextDecoder().decode(await answer.bytes(64 * 1024));
    if (answer.status === 401) throw loginFailed(url, "authentication required");
    if (answer.status !== 200) throw registryError("GET", url, answer, body);
  }

  /** Asks whether a registry answers there at all; any status will do. */
  async #ping(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    if (this.#alive.has(endpoint.base.href)) return;
    const url = versionUrl(endpoint);
    const answer = await this.#transport.send({ method: "GET", url, headers: {}, insecure: endpoint.insecure, signal });
    answer.discard();
    this.#alive.add(endpoint.base.href);
  }

  /** A host that was found to speak plain http is not asked for https each time. */
  #orderKnownFirst(endpoints: readonly Endpoint[]): Endpoint[] {
    const rank = (endpoint: Endpoint): number => (!endpoint.mirror && this.#alive.has(endpoint.base.href) ? 0 : 1);
    return endpoints.some((endpoint) => endpoint.mirror)
      ? [...endpoints]
      : [...endpoints].sort((a, b) => rank(a) - rank(b));
  }
}

interface Place {
  endpoint: Endpoint;
  repository: RepositoryAt;
}

/** Asks one place after another; stays with the one that had the manifest. */
class Fallback implements RepositoryClient {
  readonly #places: readonly Place[];
  readonly #ping: (endpoint: Endpoint, signal: AbortSignal) => Promise<void>;
  #chosen: RepositoryAt | undefined;

  constructor(places: readonly Place[], ping: (endpoint: Endpoint, signal: AbortSignal) => Promise<void>) {
    this.#places = places;
    this.#ping = ping;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestAnswer> {
    if (this.#chosen !== undefined) return await this.#chosen.manifest(tagOrDigest, signal);
    return await this.#first(signal, async (repository) => await repository.manifest(tagOrDigest, signal));
  }

  async blob(digest: Digest, offset: number, signal: AbortSignal): Promise<BlobAnswer> {
    return await (await this.#place(signal)).blob(digest, offset, signal);
  }

  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return await (await this.#place(signal)).hasBlob(digest, signal);
  }

  async mountBlob(digest: Digest, fromPath: string, signal: AbortSignal): Promise<boolean> {
    return await (await this.#place(signal)).mountBlob(digest, fromPath, signal);
  }

  async uploadBlob(
    blob: { digest: Digest; size: number },
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await (await this.#place(signal)).uploadBlob(blob, open, signal);
  }

  async tags(signal: AbortSignal): Promise<string[]> {
    return await this.#first(signal, (repository) => repository.tags(signal));
  }

  async putManifest(tagOrDigest: string, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<void> {
    await (await this.#place(signal)).putManifest(tagOrDigest, bytes, mediaType, signal);
  }

  async #place(signal: AbortSignal): Promise<RepositoryAt> {
    return this.#chosen ?? (await this.#first(signal, (repository) => Promise.resolve(repository)));
  }

  async #first<T>(signal: AbortSignal, work: (repository: RepositoryAt) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const { endpoint, repository } of this.#places) {
      try {
        await this.#ping(endpoint, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        continue;
      }
      try {
        const result = await work(repository);
        this.#chosen = repository;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        // A mirror may lack what its registry has; the registry itself has the last word.
        if (!endpoint.mirror) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

function versionUrl(endpoint: Endpoint): URL {
  return new URL(`${endpoint.base.pathname.replace(/\/$/, "")}/v2/`, endpoint.base);
}
