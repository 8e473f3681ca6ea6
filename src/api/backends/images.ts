import type {
  DistributionInspect,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSummary,
} from "../generated/types.ts";
import type { CallContext, Filters, ProgressMessage, RegistryAuth } from "./streams.ts";

/** What a registry found; the document has no name for it. */
export interface ImageSearchResultItem {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

/**
 * Everything under /images. `name` is a reference, an image id or an unambiguous prefix of one; unknown names throw
 * not-found `No such image: NAME` (with the tag made explicit).
 */
export interface ImagesBackend {
  list(query: { all: boolean; filters: Filters; sharedSize: boolean; manifests: boolean }): Promise<ImageSummary[]>;
  inspect(name: string, options: { manifests: boolean }): Promise<ImageInspect>;
  history(name: string): Promise<ImageHistoryResponseItem[]>;
  tag(name: string, target: { repo: string; tag: string | undefined }): Promise<void>;
  remove(
    name: string,
    options: { force: boolean; noprune: boolean; platforms: string[] },
  ): Promise<ImageDeleteResponseItem[]>;
  prune(filters: Filters): Promise<{ ImagesDeleted: ImageDeleteResponseItem[] | null; SpaceReclaimed: number }>;
  /** Progress ends with `Loaded image: REF` or `Loaded image ID: ID`; an error after the first message is a message. */
  load(
    body: AsyncIterable<Uint8Array>,
    options: { quiet: boolean; platforms: string[] },
    call: CallContext,
  ): Promise<AsyncIterable<ProgressMessage>>;
  /** A docker-archive and OCI layout in one tar. */
  save(names: string[], options: { platforms: string[] }, call: CallContext): Promise<AsyncIterable<Uint8Array>>;
  import(
    body: AsyncIterable<Uint8Array>,
    options: { repo: string; tag: string; message: string; changes: string[]; platform: string | undefined },
    call: CallContext,
  ): Promise<AsyncIterable<ProgressMessage>>;
  pull(
    reference: { repo: string; tag: string | undefined },
    options: { platform: string | undefined; auth: RegistryAuth | undefined },
    call: CallContext,
  ): Promise<AsyncIterable<ProgressMessage>>;
  push(
    name: string,
    options: { tag: string | undefined; platform: string | undefined; auth: RegistryAuth | undefined },
    call: CallContext,
  ): Promise<AsyncIterable<ProgressMessage>>;
  /** Asks a registry, Docker Hub when the term names no other, for images. @param query.limit 25 when undefined. */
  search(
    query: { term: string; limit: number | undefined; filters: Filters },
    auth: RegistryAuth | undefined,
    call: CallContext,
  ): Promise<ImageSearchResultItem[]>;
  /** What the registry has under a name; nothing is kept of it. */
  distribution(name: string, auth: RegistryAuth | undefined, call: CallContext): Promise<DistributionInspect>;
}
