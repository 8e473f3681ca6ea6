import type { RegistryAuth } from "../api/index.ts";
import type { Digest } from "../base/index.ts";

export type { RegistryAuth };

export interface RegistryConfig {
  /** Hosts (`name[:port]`) and CIDRs that may be spoken to in plain http or with certificates that nobody vouches for. */
  insecure: readonly string[];
  /** Base URLs that are asked before docker.io itself, in order. */
  mirrors: readonly string[];
  /** Folder of `<host[:port]>/{*.crt,*.cert,*.key}`; `/etc/docker/certs.d` by default. */
  certificates?: string;
  timeouts?: Partial<RegistryTimeouts>;
  /** False: plain http is not spoken even to insecure hosts. */
  plainHttp?: boolean;
}

export interface RegistryTimeouts {
  /** From sending a request to the answer's headers. */
  headersMs: number;
  /** Between two pieces of a body. */
  stallMs: number;
}

export interface ManifestAnswer {
  bytes: Uint8Array;
  mediaType: string;
  digest: Digest;
}

export interface BlobAnswer {
  /** Where the bytes start: the offset that was asked for, or 0 when the registry does not do ranges. */
  offset: number;
  /** All of the blob, of which the registry said how long it is: the body ends early only by throwing. */
  isWhole: boolean;
  body: AsyncIterable<Uint8Array>;
}

/** One repository at one registry, with the caller's credentials. Tokens are fetched as the registry asks for them. */
export interface RepositoryClient {
  /** @throws not-found, unauthorized and others with Docker's texts; invalid when the digest is not the asked one. */
  manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestAnswer>;
  blob(digest: Digest, offset: number, signal: AbortSignal): Promise<BlobAnswer>;
  hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** Asks the registry to take the blob from another of its repositories; false when it wants an upload. */
  mountBlob(digest: Digest, fromPath: string, signal: AbortSignal): Promise<boolean>;
  /** Uploads in one piece. @param open called once for each try. */
  uploadBlob(
    blob: { digest: Digest; size: number },
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** All tags, in the registry's order. */
  tags(signal: AbortSignal): Promise<string[]>;
  putManifest(tagOrDigest: string, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<void>;
}

/** An image that a registry's search found. */
export interface Found {
  name: string;
  description: string;
  stars: number;
  official: boolean;
}

export interface RegistryClient {
  /** @param access what tokens are asked for. */
  repository(
    name: { domain: string; path: string },
    auth: RegistryAuth | undefined,
    access: "pull" | "push",
  ): RepositoryClient;
  /** Searches by the old protocol's `/v1/search`, which few registries besides Docker Hub have. */
  search(
    domain: string,
    query: { term: string; limit: number },
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<Found[]>;
  /** `docker login`: checks the credentials. @returns an identity token where the registry gives one, else "". */
  login(auth: RegistryAuth, signal: AbortSignal): Promise<string>;
}
