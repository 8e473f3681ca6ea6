import { link, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Archiver, UnpackResult } from "../archive/index.ts";
import { crashPoint, hexOf, type Digest } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import { familiarReference, OCI_LAYER, type Reference } from "../spec/index.ts";
import { ArchiveFolder } from "./archive-folder.ts";
import type { Catalog, LayerBlob } from "./catalog.ts";
import { stackOf, type StackedLayer } from "./chain.ts";
import { wrongMember } from "./errors.ts";
import type { ImageEvents } from "./image-events.ts";
import { layerLabel, type LayerRequest, type LayerStore } from "./layer-store.ts";
import { planLoad, type PlannedImage, type PlannedLayer } from "./load-plan.ts";
import { mediaTypeOf, SPLIT_LAYER } from "./layer-blob.ts";
import { byteProgress, type Report } from "./progress.ts";

export interface LoadParts {
  catalog: Catalog;
  layers: LayerStore;
  content: ContentStore;
  archive: Archiver;
  events: ImageEvents;
}

/** What an archive of images may hold: members, not bytes, which the disk bounds. */
const MAX_MEMBERS = 200_000;

/**
 * `docker load`: unpacks the archive into a scratch folder, reads what it holds, then makes the images one by one.
 * Whatever fails, nothing of the image that failed is left.
 */
export async function loadArchive(
  parts: LoadParts,
  body: AsyncIterable<Uint8Array>,
  options: { quiet: boolean; platforms: readonly string[] },
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  await using scratch = await parts.content.scratch();
  await parts.archive.extract({
    source: body,
    target: { path: scratch.path },
    whiteouts: "keep",
    owner: { uid: 0, gid: 0 },
    limits: { maxEntries: MAX_MEMBERS },
    signal,
  });
  const images = await planLoad(new ArchiveFolder(scratch.path), options.platforms);
  for (const image of images) {
    const moved = await loadImage(parts, image, scratch.path, options.quiet ? undefined : report, signal);
    announce(parts, image.id, moved, report);
  }
}

async function loadImage(
  parts: LoadParts,
  image: PlannedImage,
  scratch: string,
  report: Report | undefined,
  signal: AbortSignal,
): Promise<MovedName[]> {
  const stack = stackOf(image.config);
  using lease = parts.layers.lease(stack);
  const requests: LayerRequest[] = [];
  for (const at of stack) {
    const layer = image.layers[at.position];
    if (layer !== undefined) requests.push(await layerRequest(parts, layer, at, scratch, report));
  }
  try {
    await parts.layers.ensureStack(requests, signal);
    crashPoint("image-load:layers-ready");
    return parts.catalog.transaction(() => {
      parts.catalog.addImage(image, undefined);
      return image.names.map((name) => moveName(parts.catalog, name, image.id));
    });
  } catch (error) {
    lease[Symbol.dispose]();
    await parts.layers.collect();
    throw error;
  }
}

async function layerRequest(
  parts: LoadParts,
  layer: PlannedLayer,
  at: StackedLayer,
  scratch: string,
  report: Report | undefined,
): Promise<LayerRequest> {
  const { size } = await stat(layer.file);
  const count = report === undefined ? undefined : byteProgress(report, layerLabel(at.diffId), "Loading layer", size);
  const kept = join(scratch, `.keep-${hexOf(at.chainId)}`);
  const mediaType = await mediaTypeOf(layer.file);
  return {
    ...at,
    // A compressed layer is kept as it is.
    ...(mediaType === OCI_LAYER ? { splitTo: kept } : {}),
    open: () => Promise.resolve({ file: layer.file }),
    keep: (result) => {
      count?.(size);
      return keepLayer(parts, layer, mediaType, result, kept);
    },
    ...(count === undefined ? {} : { onProgress: count }),
  };
}

/**
 * A plain layer's tar is not kept where the unpacked tree gives it again: then the disk holds each file once.
 * @param kept of the split, if there is one; otherwise free for a link to the member, which may stand in the archive twice.
 */
async function keepLayer(
  parts: LoadParts,
  layer: PlannedLayer,
  mediaType: string,
  result: UnpackResult,
  kept: string,
): Promise<Omit<LayerBlob, "diffId">> {
  const { digest, split } = result;
  if (layer.digest !== undefined && layer.digest !== digest) throw wrongMember(layer.name, layer.digest, digest);
  const known = parts.catalog.blobOf(result.diffId);
  if (known !== undefined && (await parts.content.sizeOf(known.digest)) !== undefined) return known;
  if (split !== undefined) {
    await parts.content.adopt(kept, split, { durable: false });
    return { ...split, tarSize: result.size, mediaType: SPLIT_LAYER };
  }
  const size = result.sourceSize;
  await rm(kept, { force: true });
  await link(layer.file, kept);
  await parts.content.adopt(kept, { digest, size }, { durable: false });
  return { digest, size, tarSize: result.size, mediaType };
}

interface MovedName {
  name: Reference;
  /** What it pointed at. */
  before: Digest | undefined;
}

function moveName(catalog: Catalog, name: Reference, id: Digest): MovedName {
  const before = catalog.lookup(name);
  catalog.setReference(name, id);
  return { name, before };
}

function announce(parts: LoadParts, id: Digest, moved: readonly MovedName[], report: Report): void {
  for (const { name, before } of moved) {
    const text = familiarReference(name);
    if (before !== undefined && before !== id) {
      report({ stream: `The image ${text} already exists, renaming the old one with ID ${before} to empty string\n` });
    }
    report({ stream: `Loaded image: ${text}\n` });
  }
  if (moved.length === 0) report({ stream: `Loaded image ID: ${id}\n` });
  parts.events.publish("load", id);
}
