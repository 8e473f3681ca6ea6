import type { Archiver, ArchiveSource, UnpackResult } from "../archive/index.ts";
import {
  crashPoint,
  hexOf,
  isDigest,
  isKind,
  KeyedLock,
  messageOf,
  Retries,
  type Digest,
  type Logger,
} from "../base/index.ts";
import { Leases, type ContentStore } from "../content/index.ts";
import type { Snapshotter } from "../snapshot/index.ts";
import type { Catalog, LayerBlob } from "./catalog.ts";
import type { StackedLayer } from "./chain.ts";
import { wrongDiffId } from "./errors.ts";
import { plainTar } from "./layer-blob.ts";
import type { LayerSettling } from "./settling.ts";
import { Slots } from "./slots.ts";
import type { TransferLimits } from "./transfer-limits.ts";
import { isUnpackKey, unpackKey } from "./unpack-key.ts";

/** A layer to be there: its place in a stack, and where its bytes come from when it is not. */
export interface LayerRequest extends StackedLayer {
  /** Asked at most once, and only when the layer is not there. */
  open(signal: AbortSignal): Promise<ArchiveSource>;
  /** Stores the blob that was read; called when the layer's digest has proven right. */
  keep(result: UnpackResult): Promise<Omit<LayerBlob, "diffId">>;
  /**
   * The layer's bytes were no good: releases what `open` took. May throw what tells more of it.
   * @returns a blob that is as its digest says nevertheless, and of no use.
   */
  failed?(error: unknown): Promise<Digest | undefined>;
  /** A new file for the split of the tar. */
  splitTo?: string;
  /** A cancelled call leaves its blob for the next one. */
  resumable?: boolean;
  onProgress?: (bytes: number) => void;
  onPresent?: () => void;
  onAdded?: () => void;
}

/** A layer that is unpacked and committed, and has no row yet. */
interface MadeLayer {
  request: LayerRequest;
  blob: Omit<LayerBlob, "diffId">;
  size: number;
}

/** What one call shares among its layers. */
interface StackWork {
  slots: Slots;
  made: MadeLayer[];
  /** Locks of chain ids and leases of blobs. */
  held: DisposableStack;
}

export interface LayerStoreParts {
  catalog: Catalog;
  content: ContentStore;
  snapshotter: Snapshotter;
  archive: Archiver;
  settling: LayerSettling;
  limits: () => TransferLimits;
  logger: Logger;
}

/**
 * Unpacked layers: each is a committed snapshot named by its chain id, a row, and a blob that gives its tar again.
 * Order on the way in: blob, snapshot, row. On the way out: row, snapshot, blob. So whatever has no row is garbage.
 */
export class LayerStore {
  readonly #parts: LayerStoreParts;
  readonly #leases = new Leases();
  readonly #locks = new KeyedLock();
  /** Blobs whose rows are gone and whose files are not, yet. */
  readonly #garbage = new Set<Digest>();
  /** Half-unpacked snapshots whose removal failed (a full disk): tried again. */
  readonly #abandoned = new Set<string>();
  readonly #retries: Retries;

  constructor(parts: LayerStoreParts) {
    this.#parts = parts;
    const { logger } = parts;
    this.#retries = new Retries({
      what: "removing unused layers",
      work: async () => void (await this.#collect()),
      logger,
    });
  }

  /** Keeps these layers, present or future, while held: until an image of them is recorded. */
  lease(stack: ReadonlyArray<Pick<StackedLayer, "chainId">>): Disposable {
    const leases = new DisposableStack();
    for (const { chainId } of stack) leases.use(this.#leases.hold(chainId));
    return leases;
  }

  has(chainId: Digest): boolean {
    return this.#parts.catalog.layer(chainId) !== undefined && this.#parts.snapshotter.has(chainId);
  }

  /**
   * Makes sure that the layers of a stack are there, bottom first, some at once where the driver can. A layer that
   * another call is unpacking is waited for. The caller leases the chain.
   *
   * Blobs are synced and rows written at the end, for all layers together: each sync between the writing of many small
   * files would wait for all of them. The files of the layers are synced later (`LayerSettling`).
   * @throws invalid `invalid diffID for layer …`; then no layer of this call is half made.
   */
  async ensureStack(requests: readonly LayerRequest[], signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const work: StackWork = { slots: new Slots(this.#parts.limits().downloads), made: [], held: new DisposableStack() };
    // Released when the rows are there: until then others wait for these layers.
    using _held = work.held;
    let below: Promise<void> = Promise.resolve();
    const all = requests.map((request) => {
      below = this.#ensure(request, below, work, AbortSignal.any([signal, failed.signal]));
      below.catch((error: unknown) => failed.abort(error));
      return below;
    });
    const results = await Promise.allSettled(all);
    const first = results.find((result) => result.status === "rejected");
    // A layer that was committed and gets no row is garbage once the caller's lease is over.
    using onFailure = new DisposableStack();
    onFailure.defer(() => this.#retries.soon());
    await this.#record(work.made);
    if (first === undefined) {
      onFailure.move();
      return;
    }
    signal.throwIfAborted();
    throw failed.signal.reason ?? first.reason;
  }

  async #ensure(request: LayerRequest, below: Promise<void>, work: StackWork, signal: AbortSignal): Promise<void> {
    // Locks of one stack are only ever waited for upwards, so that two calls cannot wait for each other.
    work.held.use(await this.#locks.acquire(request.chainId));
    if (this.has(request.chainId)) {
      request.onPresent?.();
      return await below;
    }
    const parentLater = this.#parts.snapshotter.parentMayComeLater === true;
    if (!parentLater) await below;
    const slot = await work.slots.acquire();
    const key = unpackKey(request.chainId);
    let kept: Digest | undefined;
    try {
      signal.throwIfAborted();
      await this.#parts.snapshotter.prepare(key, parentLater ? undefined : request.parent);
      const result = await this.#unpack(key, request, signal);
      for (const { digest } of [result, result.split ?? result]) work.held.use(this.#parts.content.lease(digest));
      const blob = await request.keep(result);
      kept = blob.digest;
      crashPoint("image-layer:blob-kept");
      // An overlay's own directory was empty; a copy of the parent was not.
      const bytes = (parentLater ? result.written : undefined) ?? (await this.#parts.snapshotter.usage(key)).bytes;
      slot[Symbol.dispose]();
      await below;
      await this.#commit(key, request.chainId, parentLater ? request.parent : undefined);
      crashPoint("image-layer:committed");
      work.made.push({ request, blob, size: bytes });
      request.onAdded?.();
    } catch (error) {
      slot[Symbol.dispose]();
      await this.#discard(key);
      try {
        if (kept === undefined) this.#forget(await request.failed?.(error));
        else if (!(request.resumable === true && signal.aborted)) this.#forget(kept);
      } finally {
        // What is wrong with the lowest layer is what is told, whichever came first.
        await below;
      }
      throw error;
    }
  }

  /** A blob without a row goes with the next collection, unless it gets one. */
  #forget(blob: Digest | undefined): void {
    if (blob !== undefined) this.#garbage.add(blob);
  }

  /** Also what a call that failed has finished: the next one finds it. */
  async #record(made: readonly MadeLayer[]): Promise<void> {
    if (made.length === 0) return;
    const { catalog, content, settling } = this.#parts;
    // Until the rows are there; the collector leaves alone what a row has.
    for (const { blob } of made) this.#garbage.add(blob.digest);
    await content.sync(made.map(({ blob }) => blob.digest));
    crashPoint("image-layer:blobs-synced");
    // Not synced by itself: the image's row, which is, comes later in the same log and takes these along.
    catalog.transaction(
      () => {
        for (const { request, blob, size } of made) {
          const { chainId, diffId, parent } = request;
          catalog.addLayer({ chainId, diffId, parent, size }, { diffId, ...blob });
          settling.note(chainId);
        }
      },
      { durable: false },
    );
    settling.soon();
    for (const { blob } of made) this.#garbage.delete(blob.digest);
  }

  /**
   * Removes layers that no image is made of, and their blobs. Layers that a container still stands on stay as
   * snapshots without a row, for a later call. What fails is done later: nothing of it concerns the caller.
   * @returns the chain ids that were removed, tops first.
   */
  async collect(): Promise<Digest[]> {
    try {
      return await this.#collect();
    } catch (error) {
      this.#retries.later(error);
      return [];
    }
  }

  async #collect(): Promise<Digest[]> {
    const { catalog, snapshotter } = this.#parts;
    crashPoint("image-collect:begun");
    const { removed, blobs } = catalog.transaction(() => {
      const unused = this.#unusedLayers();
      for (const chainId of unused) catalog.deleteLayer(chainId);
      return { removed: unused, blobs: catalog.dropUnusedBlobs() };
    });
    for (const blob of blobs) this.#garbage.add(blob);
    crashPoint("image-collect:rows-deleted");
    const gone: Digest[] = [];
    for (const chainId of removed) if (await this.#removeSnapshot(chainId)) gone.push(chainId);
    crashPoint("image-collect:snapshots-removed");
    for (const blob of this.#garbage) if (await this.#deleteUnused(blob)) this.#garbage.delete(blob);
    for (const key of this.#abandoned) await this.#discard(key);
    await this.#removeOrphans(snapshotter);
    return gone;
  }

  /** The tar of a layer that is here, as `plainTar`. What it may be read from stays meanwhile, though its image goes. */
  async *tar(blob: LayerBlob, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { catalog } = this.#parts;
    const layers = catalog.layersOfTar(blob.diffId);
    using held = new DisposableStack();
    held.defer(() => {
      if (layers.some(({ chainId }) => catalog.imagesOn(chainId).length === 0)) this.#retries.soon();
    });
    held.use(this.lease(layers));
    yield* plainTar(this.#parts, blob, signal);
  }

  /** Boot: what was half made or half removed. Blobs are swept by the content store's owner. */
  async sweep(): Promise<void> {
    const { catalog, snapshotter } = this.#parts;
    for (const { key, kind } of snapshotter.list()) {
      if (kind === "active" && isUnpackKey(key)) await this.#discard(key);
    }
    await this.#parts.settling.recover();
    const lost = catalog.layers().filter((layer) => !snapshotter.has(layer.chainId));
    for (const layer of lost) this.#parts.logger.error("a layer's snapshot is missing", { layer: layer.chainId });
    await this.collect();
  }

  async #unpack(key: string, request: LayerRequest, signal: AbortSignal): Promise<UnpackResult> {
    const { archive, snapshotter } = this.#parts;
    const target = await snapshotter.unpackTarget(key);
    const result = await archive.unpack({
      source: await request.open(signal),
      target: { path: target.directory },
      whiteouts: target.whiteouts,
      signal,
      ...(request.splitTo === undefined ? {} : { splitTo: request.splitTo }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
    });
    if (result.diffId !== request.diffId) throw wrongDiffId(request.position, request.diffId, result.diffId);
    return result;
  }

  /** A snapshot without a row may be left of an image that was removed under a container: it serves as it is, if it can. */
  async #commit(key: string, chainId: Digest, parent: Digest | undefined): Promise<void> {
    const { settling, snapshotter } = this.#parts;
    if (!snapshotter.has(chainId)) return await snapshotter.commit(key, chainId, parent);
    if (settling.isDoubtful(chainId)) snapshotter.exchange(key, chainId);
    await this.#discard(key);
  }

  #unusedLayers(): Digest[] {
    const { catalog } = this.#parts;
    const unused = catalog.unusedLayers();
    // What a leased layer stands on is needed with it.
    const needed = new Set<Digest>();
    for (const layer of unused) {
      if (!this.#leases.has(layer.chainId)) continue;
      for (let id: Digest | undefined = layer.chainId; id !== undefined; id = catalog.layer(id)?.parent) needed.add(id);
    }
    return unused.map((layer) => layer.chainId).filter((id) => !needed.has(id));
  }

  async #removeSnapshot(chainId: Digest): Promise<boolean> {
    if (this.#leases.has(chainId)) return false;
    using _held = await this.#locks.acquire(chainId);
    const { catalog, snapshotter } = this.#parts;
    if (catalog.layer(chainId) !== undefined || !snapshotter.has(chainId)) return false;
    if (this.#leases.has(chainId)) return false;
    try {
      await snapshotter.remove(chainId);
      catalog.setSettled(chainId);
      return true;
    } catch (error) {
      if (isKind(error, "conflict") || isKind(error, "not-found")) return false;
      throw error;
    }
  }

  /** Snapshots of layers whose rows went earlier: their containers may be gone by now. */
  async #removeOrphans(snapshotter: Snapshotter): Promise<void> {
    const { catalog } = this.#parts;
    for (let progress = true; progress;) {
      progress = false;
      for (const { key, kind } of snapshotter.list()) {
        if (kind !== "committed" || !isDigest(key) || catalog.layer(key) !== undefined) continue;
        if (!this.#leases.has(key) && (await this.#removeSnapshot(key))) progress = true;
      }
    }
  }

  /** True when nothing is left to do: it is gone, or a layer has it (again). Leased ones wait for another time. */
  async #deleteUnused(blob: Digest): Promise<boolean> {
    return this.#parts.catalog.isBlobUsed(blob) || (await this.#parts.content.delete(blob));
  }

  async #discard(key: string): Promise<void> {
    try {
      await this.#parts.snapshotter.remove(key);
    } catch (error) {
      if (isKind(error, "not-found")) return void this.#abandoned.delete(key);
      // The layer's own failure matters more.
      this.#abandoned.add(key);
      this.#retries.soon();
      this.#parts.logger.warn("cannot remove a half unpacked layer", { key, error: messageOf(error) });
    }
  }
}

/** Names a layer in progress lines. */
export function layerLabel(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}
