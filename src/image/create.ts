import { decompress } from "../archive/index.ts";
import { formatNanos, nowNanos, type Digest } from "../base/index.ts";
import type { BlobInfo, ContentStore } from "../content/index.ts";
import { OCI_LAYER, type ImageConfig } from "../spec/index.ts";
import type { Catalog } from "./catalog.ts";
import { stackOf } from "./chain.ts";
import { encodeConfig, MAX_LAYERS, type StoredConfig } from "./config.ts";
import { noSuchImage, tooManyLayers } from "./errors.ts";
import type { LayerRequest, LayerStore } from "./layer-store.ts";
import type { NewImage } from "./types.ts";

export interface CreateParts {
  catalog: Catalog;
  layers: LayerStore;
  content: ContentStore;
}

/** A tar without entries: two zero blocks. Docker adds no layer for it. */
const EMPTY_TAR = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/**
 * Makes an image of the parent's layers and, when there is one, a new layer of which the tar is given (compressed or
 * not). The config's own list of layers is replaced.
 * @throws not-found for the parent; invalid for a tar that cannot be unpacked.
 */
export async function createImage(
  parts: CreateParts,
  request: Pick<NewImage, "config" | "parent" | "layer">,
  signal: AbortSignal,
): Promise<StoredConfig> {
  const { catalog, content, layers } = parts;
  const parent = request.parent === undefined ? undefined : catalog.image(request.parent);
  if (request.parent !== undefined && parent === undefined) throw noSuchImage(request.parent);
  const below = parent?.config.rootfs.diff_ids ?? [];
  using _below = layers.lease(stackOf({ rootfs: { diff_ids: below } }));
  if (request.layer === undefined) return record(parts, request.config, below, request.parent);
  const blob = await content.ingest((await decompress(request.layer)).bytes, {}, signal);
  // From here on the blob is this call's to remove, until a layer's row has it.
  try {
    if (blob.digest === EMPTY_TAR) return record(parts, withoutLayer(request.config), below, request.parent);
    if (below.length >= MAX_LAYERS) throw tooManyLayers();
    const diffIds = [...below, blob.digest];
    const stack = stackOf({ rootfs: { diff_ids: diffIds } });
    using _stack = layers.lease(stack);
    const top = stack.at(-1);
    if (top !== undefined) await layers.ensureStack([{ ...top, ...stored(content, blob) }], signal);
    return record(parts, request.config, diffIds, request.parent);
  } finally {
    blob[Symbol.dispose]();
    if (!catalog.isBlobUsed(blob.digest)) await content.delete(blob.digest);
  }
}

function stored(content: ContentStore, { digest, size }: BlobInfo): Pick<LayerRequest, "open" | "keep"> {
  return {
    open: () => Promise.resolve({ file: content.pathOf(digest) }),
    keep: () => Promise.resolve({ digest, size, tarSize: size, mediaType: OCI_LAYER }),
  };
}

function record(
  parts: CreateParts,
  config: ImageConfig,
  diffIds: readonly string[],
  parent: Digest | undefined,
): StoredConfig {
  const image = encodeConfig({
    ...config,
    created: config.created ?? formatNanos(nowNanos()),
    rootfs: { type: "layers", diff_ids: [...diffIds] },
  });
  parts.catalog.transaction(() => parts.catalog.addImage(image, parent));
  return image;
}

/** The newest history entry belongs to the layer that turned out empty. */
function withoutLayer(config: ImageConfig): ImageConfig {
  const last = config.history?.at(-1);
  if (config.history === undefined || last === undefined) return config;
  return { ...config, history: [...config.history.slice(0, -1), { ...last, empty_layer: true }] };
}
