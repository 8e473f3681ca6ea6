import { isDigest, type Digest } from "../base/index.ts";
import {
  formatPlatform,
  hostPlatform,
  isImageConfigType,
  parsePlatform,
  parseReference,
  platformRank,
  tryParseReference,
  type Descriptor,
  type Platform,
  type Reference,
} from "../spec/index.ts";
import { blobName, type ArchiveFolder } from "./archive-folder.ts";
import { isRecord, parseConfig, parseJson, type StoredConfig } from "./config.ts";
import {
  badDocument,
  invalidTagInArchive,
  layerCountMismatch,
  noMatchingPlatform,
  notAnImageArchive,
  nullManifest,
  unsupportedConfig,
  wrongMember,
  wrongOs,
} from "./errors.ts";
import { digestOf, isImageEntry, parseManifest, verifyDocument } from "./manifest.ts";

/** An image of an archive that was read and checked as far as is possible without reading its layers. */
export interface PlannedImage extends StoredConfig {
  names: Reference[];
  /** Bottom first, one for each diff id of the config. */
  layers: PlannedLayer[];
}

export interface PlannedLayer {
  /** Member of the archive. */
  name: string;
  file: string;
  /** What the member as it is must hash to, where the archive says so. */
  digest: Digest | undefined;
}

/** How deep indexes may be nested. */
const MAX_DEPTH = 4;
const MAX_IMAGES = 1000;

/**
 * What an archive holds: its manifest.json if there is one, as Docker's, otherwise its OCI layout.
 * @param platforms only these; empty: the one that this host runs best.
 * @throws invalid with Docker's text where it has one.
 */
export async function planLoad(folder: ArchiveFolder, platforms: readonly string[]): Promise<PlannedImage[]> {
  const wanted = platforms.map(parsePlatform);
  const manifest = await folder.readIfThere("manifest.json");
  if (manifest !== undefined) return await planDockerArchive(folder, manifest, wanted);
  const index = await folder.readIfThere("index.json");
  if (index !== undefined) return await planOciLayout(folder, index, wanted);
  throw notAnImageArchive();
}

async function planDockerArchive(
  folder: ArchiveFolder,
  bytes: Uint8Array,
  wanted: readonly Platform[],
): Promise<PlannedImage[]> {
  const list = parseJson("manifest.json", bytes);
  if (list === null) throw nullManifest();
  if (!Array.isArray(list) || list.length > MAX_IMAGES) throw badDocument("manifest.json", "a list is expected");
  const images: PlannedImage[] = [];
  for (const item of list as unknown[]) {
    const { config: configName, layers: layerNames, tags } = readManifestItem(item);
    const stored = parseConfig(await folder.read(configName));
    checkOs(stored);
    const named = digestOfName(configName);
    if (named !== undefined && named !== stored.id) throw wrongMember(configName, named, stored.id);
    const layers = await Promise.all(layerNames.map((name) => planLayer(folder, name, digestOfName(name))));
    images.push(checkLayers({ ...stored, names: tags.map(parseTag), layers }));
  }
  if (wanted.length === 0 || images.length === 0) return images;
  const matching = images.filter((image) => wanted.some((platform) => platformRank(platform, image.config) > 0));
  if (matching.length === 0) throw noMatchingPlatform(wanted.map(formatPlatform).join(", "));
  return matching;
}

function readManifestItem(item: unknown): { config: string; layers: string[]; tags: string[] } {
  const { Config: config, Layers: layers, RepoTags: tags } = isRecord(item) ? item : {};
  const isTexts = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((entry) => typeof entry === "string");
  if (typeof config !== "string") throw badDocument("manifest.json", "an image has no Config");
  if (!isTexts(layers ?? [])) throw badDocument("manifest.json", "Layers is not a list of names");
  if (!isTexts(tags ?? [])) throw badDocument("manifest.json", "RepoTags is not a list of names");
  return { config, layers: isTexts(layers) ? layers : [], tags: isTexts(tags) ? tags : [] };
}

function parseTag(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined || reference.digest !== undefined) throw invalidTagInArchive(text);
  return reference;
}

/** `blobs/sha256/<hex>` promises a digest; the layouts before it do not. */
function digestOfName(name: string): Digest | undefined {
  const digest = /^blobs\/(sha256)\/([0-9a-f]{64})$/.exec(name);
  const text = `${digest?.[1]}:${digest?.[2]}`;
  return isDigest(text) ? text : undefined;
}

async function planLayer(folder: ArchiveFolder, name: string, digest: Digest | undefined): Promise<PlannedLayer> {
  return { name, file: await folder.layerFile(name), digest };
}

async function planOciLayout(
  folder: ArchiveFolder,
  bytes: Uint8Array,
  wanted: readonly Platform[],
): Promise<PlannedImage[]> {
  const root = parseManifest("index.json", bytes, undefined);
  if (root.kind !== "index") throw badDocument("index.json", "it is not an index");
  const images: PlannedImage[] = [];
  for (const entry of root.index.manifests.slice(0, MAX_IMAGES)) {
    const names = namesOf(entry);
    const found = await planEntry(folder, entry, wanted, 1);
    for (const image of found) images.push({ ...image, names });
  }
  return images;
}

/** The images that one entry stands for: itself, or those of a nested index that are wanted. */
async function planEntry(
  folder: ArchiveFolder,
  entry: Descriptor,
  wanted: readonly Platform[],
  depth: number,
): Promise<PlannedImage[]> {
  const name = blobName(digestOf(entry));
  const bytes = await folder.read(name);
  verifyDocument(name, bytes, entry);
  const document = parseManifest(name, bytes, entry.mediaType === "" ? undefined : entry.mediaType);
  if (document.kind === "index") {
    if (depth >= MAX_DEPTH) throw badDocument(name, "indexes are nested too deep");
    const chosen = await choose(folder, document.index.manifests.filter(isImageEntry), wanted);
    const found = await Promise.all(chosen.map((item) => planEntry(folder, item, wanted, depth + 1)));
    return found.flat();
  }
  const { config, layers } = document.manifest;
  if (!isImageConfigType(config.mediaType)) throw unsupportedConfig(config.mediaType);
  const configName = blobName(digestOf(config));
  const configBytes = await folder.read(configName);
  verifyDocument(configName, configBytes, config);
  const stored = parseConfig(configBytes);
  checkOs(stored);
  const planned = await Promise.all(
    layers.map((layer) => planLayer(folder, blobName(digestOf(layer)), digestOf(layer))),
  );
  return [checkLayers({ ...stored, names: [], layers: planned })];
}

/** Layouts often hold one platform's blobs only: entries whose manifest is missing are not offered. */
async function choose(
  folder: ArchiveFolder,
  entries: readonly Descriptor[],
  wanted: readonly Platform[],
): Promise<Descriptor[]> {
  const present: Descriptor[] = [];
  for (const entry of entries) {
    if ((await folder.find(blobName(digestOf(entry)))) !== undefined) present.push(entry);
  }
  const platforms = wanted.length === 0 ? [hostPlatform()] : wanted;
  const chosen = new Set<Descriptor>();
  for (const platform of platforms) {
    const best = bestEntry(present, platform);
    if (best !== undefined) chosen.add(best);
  }
  if (chosen.size === 0) throw noMatchingPlatform(platforms.map(formatPlatform).join(", "));
  return [...chosen];
}

/** The entry that a host of this platform runs best; the first of equals. Entries without a platform come last. */
export function bestEntry(entries: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  let best: { entry: Descriptor; rank: number } | undefined;
  for (const entry of entries) {
    const rank = entry.platform === undefined ? 0.5 : platformRank(platform, entry.platform);
    if (rank > (best?.rank ?? 0)) best = { entry, rank };
  }
  return best?.entry;
}

function namesOf(entry: Descriptor): Reference[] {
  const full = entry.annotations?.["io.containerd.image.name"];
  const short = entry.annotations?.["org.opencontainers.image.ref.name"];
  // The short form is often a bare tag, which names nothing by itself.
  const text = full ?? (short !== undefined && /[/:]/.test(short) ? short : undefined);
  const reference = text === undefined ? undefined : tryParseReference(text);
  return reference?.tag === undefined ? [] : [{ ...reference, digest: undefined }];
}

function checkLayers(image: PlannedImage): PlannedImage {
  const expected = image.config.rootfs.diff_ids.length;
  // Docker counts the other way round: what the manifest lists is what it expects.
  if (image.layers.length !== expected) throw layerCountMismatch(image.layers.length, expected);
  return image;
}

function checkOs(image: StoredConfig): void {
  if (image.config.os !== "linux" && image.config.os !== "") throw wrongOs(image.config.os);
}
