import { createGzip } from "node:zlib";
import { pipeline } from "node:stream/promises";
import { PassThrough, Readable } from "node:stream";
import { sha256, type Digest } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { RegistryAuth, RegistryClient, RepositoryClient } from "../registry/index.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  familiarName,
  familiarReference,
  fullName,
  isNameOnly,
  OCI_LAYER_GZIP,
  parseReference,
  withDigest,
  type Descriptor,
  type Reference,
} from "../spec/index.ts";
import type { Catalog, ImageRow, LayerBlob } from "./catalog.ts";
import { stackOf, type StackedLayer } from "./chain.ts";
import { layerLost, noSuchTag, notLocal } from "./errors.ts";
import type { ImageEvents } from "./image-events.ts";
import { layerLabel, type LayerStore } from "./layer-store.ts";
import { encodeManifest } from "./manifest.ts";
import { byteProgress, type Report } from "./progress.ts";
import { pushError } from "./registry-errors.ts";
import { Slots } from "./slots.ts";
import type { TransferLimits } from "./transfer-limits.ts";

export interface PushParts {
  catalog: Catalog;
  layers: LayerStore;
  content: ContentStore;
  events: ImageEvents;
  registry: RegistryClient;
  limits: () => TransferLimits;
}

/** `docker push`: the named tag, or every local tag of a bare name. */
export async function push(
  parts: PushParts,
  reference: Reference,
  auth: RegistryAuth | undefined,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  report({ status: `The push refers to repository [${fullName(reference)}]` });
  const local = localTags(parts.catalog, reference);
  const repository = parts.registry.repository(reference, auth, "push");
  try {
    for (const { reference: tag, image } of local) {
      await new Push(parts, repository, tag, image, report, signal).run();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw pushError(error);
  }
}

/** @throws not-found. */
function localTags(catalog: Catalog, reference: Reference): Array<{ reference: Reference; image: ImageRow }> {
  const tags = catalog.references().flatMap(({ reference: other, id }) => {
    const image = catalog.image(id);
    if (image === undefined || other.tag === undefined || fullName(other) !== fullName(reference)) return [];
    return [{ reference: other, image }];
  });
  if (tags.length === 0) throw notLocal(familiarName(reference));
  if (isNameOnly(reference)) return tags;
  const named = tags.filter((tag) => tag.reference.tag === reference.tag);
  if (named.length === 0) throw noSuchTag(familiarReference(reference));
  return named;
}

/** One image on its way out. */
class Push {
  readonly #parts: PushParts;
  readonly #repository: RepositoryClient;
  readonly #reference: Reference;
  readonly #image: ImageRow;
  readonly #report: Report;
  readonly #signal: AbortSignal;

  constructor(
    parts: PushParts,
    repository: RepositoryClient,
    reference: Reference,
    image: ImageRow,
    report: Report,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#repository = repository;
    this.#reference = reference;
    this.#image = image;
    this.#report = report;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const stack = stackOf(this.#image.config);
    using _lease = this.#parts.layers.lease(stack);
    const layers = await this.#pushLayers(stack);
    const config = await this.#pushConfig();
    const bytes = encodeManifest({ mediaType: DOCKER_MANIFEST, config, layers });
    const digest = sha256(bytes);
    const tag = this.#reference.tag ?? "latest";
    await this.#repository.putManifest(tag, bytes, DOCKER_MANIFEST, this.#signal);
    const { catalog, events } = this.#parts;
    catalog.transaction(() => catalog.setReference(withDigest(this.#reference, digest), this.#image.id));
    this.#report({ status: `${tag}: digest: ${digest} size: ${bytes.length}` });
    this.#report({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: bytes.length } });
    const shown = familiarReference(this.#reference);
    events.publish("push", this.#image.id, { name: familiarName(this.#reference), actor: shown });
  }

  async #pushLayers(stack: readonly StackedLayer[]): Promise<Descriptor[]> {
    for (const { diffId } of stack) this.#say(diffId, "Preparing");
    const slots = new Slots(this.#parts.limits().uploads);
    const unique = new Map<Digest, Promise<Descriptor>>();
    for (const { diffId } of stack) {
      if (!unique.has(diffId)) unique.set(diffId, this.#pushLayer(diffId, slots));
    }
    await Promise.allSettled(unique.values());
    const found = stack.map(({ diffId }) => unique.get(diffId)).filter((layer) => layer !== undefined);
    return await Promise.all(found);
  }

  async #pushLayer(diffId: Digest, slots: Slots): Promise<Descriptor> {
    using _slot = await slots.acquire();
    this.#signal.throwIfAborted();
    const blob = this.#parts.catalog.blobOf(diffId);
    if (blob === undefined) throw layerLost(diffId);
    // A registry may have the compressed form of a layer that is plain here: it was pulled or pushed before.
    const ready = await this.#compressed(blob);
    await this.#pushBlob(ready);
    this.#parts.catalog.addSource(ready.digest, fullName(this.#reference));
    const mediaType = ready.mediaType === OCI_LAYER_GZIP ? DOCKER_LAYER_GZIP : ready.mediaType;
    return { mediaType, digest: ready.digest, size: ready.size };
  }

  async #pushBlob(blob: LayerBlob): Promise<void> {
    const { content, catalog } = this.#parts;
    const { diffId, digest } = blob;
    if (await this.#repository.hasBlob(digest, this.#signal)) return this.#say(diffId, "Layer already exists");
    for (const source of catalog.sourcesOf(digest)) {
      const other = parseReference(source);
      if (other.domain !== this.#reference.domain || other.path === this.#reference.path) continue;
      const mounted = await this.#repository.mountBlob(digest, other.path, this.#signal).catch(() => false);
      if (mounted) return this.#say(diffId, `Mounted from ${other.path}`);
    }
    const count = byteProgress(this.#report, layerLabel(diffId), "Pushing", blob.size);
    await this.#repository.uploadBlob(blob, () => counted(content.read(digest), count), this.#signal);
    this.#say(diffId, "Pushed");
  }

  async #pushConfig(): Promise<Descriptor> {
    const { id, bytes } = this.#image;
    const config = { mediaType: DOCKER_CONFIG, digest: id, size: bytes.length };
    if (!(await this.#repository.hasBlob(id, this.#signal))) {
      await this.#repository.uploadBlob({ digest: id, size: bytes.length }, () => once(bytes), this.#signal);
    }
    return config;
  }

  /** Plain layers are compressed once: the compressed blob then takes the plain one's place, which it gives again. */
  async #compressed(blob: LayerBlob): Promise<LayerBlob> {
    const isRegistryForm = blob.mediaType.endsWith("+gzip") || blob.mediaType.endsWith("+zstd");
    if (isRegistryForm) return blob;
    const { catalog, content, layers } = this.#parts;
    using stored = await content.ingest(gzip(layers.tar(blob, this.#signal)), {}, this.#signal);
    const { digest, size } = stored;
    const compressed: LayerBlob = { ...blob, digest, size, mediaType: OCI_LAYER_GZIP };
    catalog.transaction(() => catalog.setBlob(compressed));
    if (!catalog.isBlobUsed(blob.digest)) await content.delete(blob.digest);
    return compressed;
  }

  #say(diffId: Digest, status: string): void {
    this.#report({ status, progressDetail: {}, id: layerLabel(diffId) });
  }
}

/** Each piece that comes out is a way to the disk and back. */
const GZIP_CHUNK = 256 * 1024;

async function* gzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out = new PassThrough({ highWaterMark: 1024 * 1024 });
  const done = pipeline(Readable.from(source, { objectMode: false }), createGzip({ chunkSize: GZIP_CHUNK }), out);
  done.catch(() => undefined); // the reader below gets it from the stream
  try {
    for await (const chunk of out) yield chunk as Uint8Array; // a stream without encoding gives bytes
    await done;
  } finally {
    out.destroy();
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  count: (current: number) => void,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    count(size);
    yield chunk;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
