import type { Digest } from "../base/index.ts";

export interface BlobInfo {
  digest: Digest;
  size: number;
}

/** A blob that stays while this is not disposed. */
export interface LeasedBlob extends BlobInfo, Disposable {}

/** What a writer's bytes must turn out to be. */
export type Expected = Partial<BlobInfo>;

/**
 * Immutable bytes by digest: `blobs/sha256/<hex>`. A blob appears whole, checked and durable, or not at all.
 * Whoever writes or uses one holds a lease on it; `delete` and `sweep` leave leased blobs alone.
 */
export interface ContentStore {
  /** Stores a stream and leases it. @throws invalid when digest or size are not the expected ones; no-space. */
  ingest(source: AsyncIterable<Uint8Array>, expected?: Expected, signal?: AbortSignal): Promise<LeasedBlob>;
  /**
   * Takes over a finished file of the same file system, whose digest the caller has computed. The source name is gone
   * afterwards; when the blob was there already, the file is removed.
   * @param options `durable: false` leaves syncing to a later `sync`, before anybody is told of the blob.
   */
  adopt(file: string, blob: BlobInfo, options?: { durable?: boolean }): Promise<void>;
  /** Makes blobs durable that were stored with `durable: false`. */
  sync(digests: Iterable<Digest>): Promise<void>;
  /**
   * A writer that goes on where an interrupted one for the same digest stopped. One at a time for each digest: a second
   * one waits. Disposing it without `commit` keeps what was written for the next.
   */
  resume(blob: BlobInfo): Promise<ResumableWriter>;
  /** The blob's file, for readers that take a path; valid while leased. */
  pathOf(digest: Digest): string;
  /** Bytes from `offset` on. @throws not-found. */
  read(digest: Digest, offset?: number): AsyncIterable<Uint8Array>;
  /** Size in bytes, or undefined when it is not there. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Removes the blob unless it is leased; missing is fine. True when it is gone. */
  delete(digest: Digest): Promise<boolean>;
  /** Keeps the blob, present or future, from `delete` and `sweep` while held. */
  lease(digest: Digest): Disposable;
  /** A new empty directory on the store's file system, removed with its content on dispose (or at boot). */
  scratch(): Promise<{ path: string } & AsyncDisposable>;
  /** Boot: removes temporary files, blobs that `keep` does not know, and stale partial downloads. */
  sweep(keep: (digest: Digest) => boolean): Promise<void>;
}

export interface ResumableWriter extends AsyncDisposable {
  /** Bytes that are there already. */
  readonly offset: number;
  /** What is there already, to be read before the first write. */
  written(): AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  /** Throws away what was written. */
  restart(): Promise<void>;
  /**
   * Makes it a blob. `digest`: what the caller found the bytes to be; without it they are hashed here.
   * @param options as `adopt`.
   * @throws invalid when digest or size are wrong; the bytes are thrown away then.
   */
  commit(digest?: Digest, options?: { durable?: boolean }): Promise<void>;
}
