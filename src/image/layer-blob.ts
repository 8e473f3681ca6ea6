import { open } from "node:fs/promises";
import { decompress, detectCompression, type Archiver, type Compression } from "../archive/index.ts";
import type { Digest } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Snapshotter } from "../snapshot/index.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "../spec/index.ts";
import type { Catalog, LayerBlob } from "./catalog.ts";
import { layerLost } from "./errors.ts";

/** What the registry formats call a layer of each compression; the last two stay on this host. */
const MEDIA_TYPES: Record<Compression, string> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
  bzip2: `${OCI_LAYER}+bzip2`,
  xz: `${OCI_LAYER}+xz`,
};

/** A layer file's media type, by its first bytes. */
export async function mediaTypeOf(file: string): Promise<string> {
  await using handle = await open(file, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  return MEDIA_TYPES[detectCompression(buffer.subarray(0, bytesRead))];
}

/**
 * Of a blob that is the split of a layer's tar (`Archiver.join`): the unpacked layer has the contents. It never leaves
 * this host.
 */
export const SPLIT_LAYER = "application/vnd.berth.layer.split.v1";

export interface TarParts {
  catalog: Catalog;
  content: ContentStore;
  snapshotter: Snapshotter;
  archive: Archiver;
}

/**
 * The layer's tar, bit for bit the one that its diff id is of.
 * @throws data-loss when it cannot be had any more, not-found when its blob is gone.
 */
export async function* plainTar(parts: TarParts, blob: LayerBlob, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (blob.mediaType === SPLIT_LAYER) {
    const { catalog, snapshotter } = parts;
    const layer = catalog.layersOfTar(blob.diffId).find(({ chainId }) => snapshotter.has(chainId));
    if (layer === undefined) throw layerLost(blob.diffId);
    return yield* joinedTar(parts, blob, layer.chainId, signal);
  }
  const source = parts.content.read(blob.digest);
  if (blob.digest === blob.diffId) yield* source;
  else yield* (await decompress(source)).bytes;
}

/**
 * The tar of a split, with the files of that layer.
 * @throws as `plainTar`; not-found when the layer is gone.
 */
export function joinedTar(
  { content, snapshotter, archive }: Pick<TarParts, "content" | "snapshotter" | "archive">,
  { diffId, digest }: LayerBlob,
  chainId: Digest,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const root = { path: snapshotter.unpacked(chainId) };
  return archive.join({ split: content.pathOf(digest), root, diffId, signal });
}
