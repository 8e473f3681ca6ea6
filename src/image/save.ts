import { formatHeader, TRAILER } from "../archive/index.ts";
import { dataLoss, hexOf, sha256, type Digest } from "../base/index.ts";
import {
  familiarName,
  familiarReference,
  fullName,
  fullReference,
  isNameOnly,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
  parsePlatform,
  platformRank,
  tryParseReference,
  type Descriptor,
  type Reference,
} from "../spec/index.ts";
import { blobName } from "./archive-folder.ts";
import type { Catalog, ImageRow, LayerBlob } from "./catalog.ts";
import { layerLost, noSuchImage, otherPlatform } from "./errors.ts";
import type { LayerStore } from "./layer-store.ts";
import { resolveImage } from "./resolve.ts";

/** An image to save under these names. */
interface SavedImage {
  image: ImageRow;
  names: Reference[];
}

type Content = Uint8Array | LayerBlob;

/**
 * `docker save`: Docker's archive and an OCI layout in one tar, as Docker makes it; layers as the plain tars that their
 * diff ids are of.
 * @throws not-found before anything is written; data-loss when a layer's blob is damaged.
 */
export function planSave(
  catalog: Catalog,
  layers: LayerStore,
  names: readonly string[],
  platforms: readonly string[],
): { ids: Digest[]; stream: () => AsyncGenerator<Uint8Array> } {
  const images = selectImages(catalog, names);
  checkPlatforms(images, platforms);
  const files = archiveFiles(catalog, images);
  return { ids: images.map(({ image }) => image.id), stream: () => writeArchive(layers, files) };
}

function selectImages(catalog: Catalog, names: readonly string[]): SavedImage[] {
  const selected = new Map<Digest, SavedImage>();
  const add = (image: ImageRow, references: readonly Reference[]): void => {
    const entry = selected.get(image.id) ?? { image, names: [] };
    selected.set(image.id, entry);
    for (const reference of references) {
      if (!entry.names.some((other) => fullReference(other) === fullReference(reference))) entry.names.push(reference);
    }
  };
  for (const name of names) {
    const reference = tryParseReference(name);
    const tagged = reference === undefined ? [] : tagsMeant(catalog, reference);
    for (const { id, reference: tag } of tagged) add(imageOf(catalog, id, name), [tag]);
    if (tagged.length === 0) add(resolveForSave(catalog, name), []);
  }
  return [...selected.values()];
}

/** A bare repository means all of its tags. */
function tagsMeant(catalog: Catalog, reference: Reference): Array<{ reference: Reference; id: Digest }> {
  return catalog.references().filter(({ reference: other }) => {
    if (other.tag === undefined || fullName(other) !== fullName(reference)) return false;
    return isNameOnly(reference) || (reference.digest === undefined && other.tag === reference.tag);
  });
}

function resolveForSave(catalog: Catalog, name: string): ImageRow {
  try {
    return resolveImage(catalog, name);
  } catch {
    throw noSuchImage(name); // here Docker shows the name as it was given
  }
}

function imageOf(catalog: Catalog, id: Digest, name: string): ImageRow {
  const image = catalog.image(id);
  if (image === undefined) throw noSuchImage(name);
  return image;
}

function checkPlatforms(images: readonly SavedImage[], platforms: readonly string[]): void {
  if (platforms.length === 0) return;
  const wanted = platforms.map(parsePlatform);
  for (const { image, names } of images) {
    const fits = wanted.some((platform) => platformRank(platform, image.config) > 0);
    const name = names[0] === undefined ? image.id : familiarReference(names[0]);
    if (!fits) throw otherPlatform(name, platforms.join(", "));
  }
}

/** Every member of the archive by name. */
function archiveFiles(catalog: Catalog, images: readonly SavedImage[]): Map<string, Content> {
  const files = new Map<string, Content>();
  const index: Descriptor[] = [];
  const manifest: unknown[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of images) {
    const blobs = image.config.rootfs.diff_ids.map((diffId) => blobOf(catalog, diffId));
    const layers = blobs.map((blob) => ({ mediaType: OCI_LAYER, digest: blob.diffId, size: blob.tarSize }));
    for (const blob of blobs) files.set(blobName(blob.diffId), blob);
    files.set(blobName(image.id), image.bytes);
    const document = encode({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: image.id, size: image.bytes.length },
      layers,
    });
    const descriptor = { mediaType: OCI_MANIFEST, digest: sha256(document), size: document.length };
    files.set(blobName(descriptor.digest), document);
    if (names.length === 0) index.push(descriptor);
    for (const name of names) {
      index.push({ ...descriptor, annotations: annotationsOf(name) });
      const top = layers.at(-1);
      if (top !== undefined) (repositories[familiarName(name)] ??= {})[name.tag ?? ""] = hexOf(top.digest);
    }
    manifest.push({
      Config: blobName(image.id),
      RepoTags: names.length === 0 ? null : names.map(familiarReference),
      Layers: layers.map((layer) => blobName(layer.digest)),
      LayerSources: Object.fromEntries(layers.map((layer) => [layer.digest, layer])),
    });
  }
  files.set("index.json", encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: index }));
  files.set("manifest.json", encode(manifest));
  files.set("oci-layout", encode({ imageLayoutVersion: "1.0.0" }));
  if (Object.keys(repositories).length > 0) files.set("repositories", encode(repositories));
  return files;
}

function blobOf(catalog: Catalog, diffId: string): LayerBlob {
  const blob = catalog.blobOf(diffId);
  if (blob === undefined) throw layerLost(diffId);
  return blob;
}

function annotationsOf(name: Reference): Record<string, string> {
  return {
    "io.containerd.image.name": fullReference(name),
    "org.opencontainers.image.ref.name": name.tag ?? "",
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function* writeArchive(layers: LayerStore, files: ReadonlyMap<string, Content>): AsyncGenerator<Uint8Array> {
  yield header("blobs", "directory", 0);
  yield header("blobs/sha256", "directory", 0);
  for (const [name, file] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const size = file instanceof Uint8Array ? file.length : file.tarSize;
    yield header(name, "file", size);
    if (file instanceof Uint8Array) yield file;
    else yield* exactly(layers.tar(file), file);
    if (size % 512 !== 0) yield new Uint8Array(512 - (size % 512));
  }
  yield TRAILER;
}

/** A member whose length is not the announced one would break every member after it. */
async function* exactly(source: AsyncIterable<Uint8Array>, blob: LayerBlob): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > blob.tarSize) break;
    yield chunk;
  }
  if (size !== blob.tarSize)
    throw dataLoss(`layer ${blob.diffId} is damaged: its blob ${blob.digest} gives ${size} bytes`);
}

function header(name: string, type: "file" | "directory", size: number): Uint8Array {
  return formatHeader({
    type,
    name,
    linkName: "",
    mode: type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: 0,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
    sparse: undefined,
  });
}
