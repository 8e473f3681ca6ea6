import { readFileSync } from "node:fs";
import type { Archiver } from "../archive/index.ts";
import { isKind, messageOf, Retries, type Digest, type Logger } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import { familiarReference } from "../spec/index.ts";
import type { Snapshotter } from "../snapshot/index.ts";
import type { Catalog, LayerRow } from "./catalog.ts";
import { layerLost } from "./errors.ts";
import { joinedTar, plainTar, SPLIT_LAYER } from "./layer-blob.ts";
import { unpackKey } from "./unpack-key.ts";

/** What is loaded only to be removed again need not be written to the disk at all. */
const SETTLE_AFTER_MS = 5000;

export interface SettlingParts {
  catalog: Catalog;
  content: ContentStore;
  snapshotter: Snapshotter;
  archive: Archiver;
  logger: Logger;
  /** Names this boot of the machine; the kernel's name by default. */
  boot?: string | undefined;
  settleAfterMs?: number | undefined;
}

/**
 * Brings the files of new layers to the disk, a moment after they are told to be there: to wait for some hundred
 * megabytes would take longer than all else. Until then a row says so. Should the machine go down meanwhile, the next
 * boot makes these layers anew, from what was synced at once: the blob, or the split with what it finds in the tree and
 * proves by the diff id. What cannot be proven is lost, and no image of it is left.
 */
export class LayerSettling {
  readonly #parts: SettlingParts;
  readonly #boot: string;
  readonly #retries: Retries;
  #timer: NodeJS.Timeout | undefined;
  /** How many notes there were, and which was a layer's last. */
  #notes = 0;
  readonly #lastNote = new Map<Digest, number>();

  constructor(parts: SettlingParts) {
    this.#parts = parts;
    this.#boot = parts.boot ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    this.#retries = new Retries({
      what: "writing layers to the disk",
      work: () => this.settle(),
      logger: parts.logger,
    });
  }

  /** Notes a new layer, within the transaction that makes it one. */
  note(chainId: Digest): void {
    this.#parts.catalog.setUnsettled(chainId, this.#boot);
    this.#lastNote.set(chainId, ++this.#notes);
  }

  /** True for a layer that was unsettled when the machine went down, and is not made anew. */
  isDoubtful(chainId: Digest): boolean {
    const boot = this.#parts.catalog.unsettledSince(chainId);
    return boot !== undefined && boot !== this.#boot;
  }

  /** Settles what is noted, in a moment. */
  soon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.settle().catch((error: unknown) => this.#retries.later(error));
    }, this.#parts.settleAfterMs ?? SETTLE_AFTER_MS).unref();
  }

  /** Returns when the files of all layers that are noted by now are on the disk. */
  async settle(): Promise<void> {
    const { catalog, snapshotter } = this.#parts;
    const layers = catalog.unsettledLayers().filter(({ boot }) => boot === this.#boot);
    if (layers.length === 0) return;
    const noted = this.#notes;
    await snapshotter.sync();
    // One that was removed and made anew meanwhile may have files that the sync did not see.
    const settled = layers.filter(({ chainId }) => (this.#lastNote.get(chainId) ?? 0) <= noted);
    catalog.transaction(() => settled.forEach(({ chainId }) => catalog.setSettled(chainId)), { durable: false });
    for (const [chainId, note] of this.#lastNote) if (note <= noted) this.#lastNote.delete(chainId);
  }

  /**
   * Boot: makes the layers anew that were not settled when the machine went down. Images that are lost are removed; what
   * is left of their layers is the collector's.
   */
  async recover(): Promise<void> {
    const { catalog, logger } = this.#parts;
    const layers = catalog.unsettledLayers();
    for (const layer of layers) {
      if (layer.boot === this.#boot) continue;
      try {
        await this.#restore(layer);
      } catch (error) {
        if (isLoss(error)) this.#forget(layer, error);
        else logger.error("a layer cannot be checked", { layer: layer.chainId, error: messageOf(error) });
      }
    }
    if (layers.some(({ boot }) => boot === this.#boot)) this.soon();
  }

  async #restore(layer: LayerRow): Promise<void> {
    const { catalog } = this.#parts;
    const blob = catalog.blobOf(layer.diffId);
    if (blob === undefined) throw layerLost(layer.diffId);
    if (blob.mediaType !== SPLIT_LAYER) return await this.#rebuild(layer, plainTar(this.#parts, blob));
    // The same tar over another parent has the same files.
    const others = catalog.layersOfTar(layer.diffId).filter(({ chainId }) => chainId !== layer.chainId);
    let loss: unknown;
    for (const { chainId } of [layer, ...others]) {
      try {
        return await this.#rebuild(layer, joinedTar(this.#parts, blob, chainId, undefined));
      } catch (error) {
        if (!isLoss(error)) throw error;
        loss ??= error;
      }
    }
    throw loss;
  }

  async #rebuild({ chainId, diffId, parent }: LayerRow, tar: AsyncIterable<Uint8Array>): Promise<void> {
    const { archive, catalog, snapshotter } = this.#parts;
    const key = unpackKey(chainId);
    await snapshotter.prepare(key, parent);
    await using made = new AsyncDisposableStack();
    made.defer(() => snapshotter.remove(key));
    const { directory, whiteouts } = await snapshotter.unpackTarget(key);
    const result = await archive.unpack({ source: tar, target: { path: directory }, whiteouts });
    if (result.diffId !== diffId) throw layerLost(diffId);
    await snapshotter.sync();
    if (snapshotter.has(chainId)) {
      snapshotter.exchange(key, chainId);
      // Not every file system keeps this and the row below in order.
      await snapshotter.sync();
    } else {
      await snapshotter.commit(key, chainId);
      made.move();
    }
    catalog.setSettled(chainId);
    this.#parts.logger.info("a layer was made anew after the machine went down", { layer: chainId });
  }

  #forget({ chainId }: LayerRow, error: unknown): void {
    const { catalog, logger } = this.#parts;
    catalog.transaction(() => {
      for (const image of catalog.imagesOn(chainId)) {
        const names = catalog.referencesOf(image).map(familiarReference).join(" ");
        logger.error("an image was lost when the machine went down", { image, names, error: messageOf(error) });
        catalog.deleteImage(image);
      }
    });
  }
}

/** True when the bytes themselves are gone or wrong, and no other try will find them. */
function isLoss(error: unknown): boolean {
  return isKind(error, "data-loss") || isKind(error, "not-found") || isKind(error, "invalid");
}
