import { isDigest, parseDigest, sha256, type Digest } from "../base/index.ts";
import {
  DOCKER_MANIFEST,
  isIndexType,
  isManifestType,
  OCI_INDEX,
  OCI_MANIFEST,
  type Descriptor,
  type Index,
  type Manifest,
  type Platform,
} from "../spec/index.ts";
import { isRecord, parseJsonObject } from "./config.ts";
import { ambiguousManifest, badDocument, unsupportedManifest, wrongMember } from "./errors.ts";

/** A manifest or index, told apart. */
export type ManifestDocument =
  { kind: "manifest"; mediaType: string; manifest: Manifest } | { kind: "index"; mediaType: string; index: Index };

/**
 * Reads a manifest or an index from bytes nobody vouches for.
 * @param declared the media type that whoever gave the bytes claims; the document's own must agree.
 * @throws invalid when it could be read as both, or as neither.
 */
export function parseManifest(name: string, bytes: Uint8Array, declared?: string): ManifestDocument {
  const json = parseJsonObject(name, bytes);
  if (json["schemaVersion"] === 1) throw unsupportedManifest("application/vnd.docker.distribution.manifest.v1+json");
  const isIndex = json["manifests"] !== undefined;
  const isManifest = json["layers"] !== undefined || json["config"] !== undefined;
  if (isIndex && isManifest) throw ambiguousManifest(name);
  const own = json["mediaType"];
  const mediaType = typeof own === "string" && own !== "" ? own : (declared ?? (isIndex ? OCI_INDEX : OCI_MANIFEST));
  if (isIndex) {
    if (isManifestType(mediaType)) throw ambiguousManifest(name);
    if (!isIndexType(mediaType)) throw unsupportedManifest(mediaType);
    return {
      kind: "index",
      mediaType,
      index: { schemaVersion: 2, mediaType, manifests: descriptors(name, json["manifests"]) },
    };
  }
  if (isIndexType(mediaType)) throw ambiguousManifest(name);
  if (!isManifestType(mediaType)) throw unsupportedManifest(mediaType);
  const config = descriptor(name, json["config"]);
  const layers = descriptors(name, json["layers"] ?? []);
  return { kind: "manifest", mediaType, manifest: { schemaVersion: 2, mediaType, config, layers } };
}

/** @throws invalid when the bytes are not what the descriptor says. */
export function verifyDocument(name: string, bytes: Uint8Array, expected: { digest: string; size: number }): Digest {
  const actual = sha256(bytes);
  if (actual !== expected.digest || bytes.length !== expected.size) throw wrongMember(name, expected.digest, actual);
  return actual;
}

/** A descriptor's digest. @throws invalid when it is not a sha256 one. */
export function digestOf(descriptor: Descriptor): Digest {
  return parseDigest(descriptor.digest);
}

/** An image's manifest in an index, and not a signature, a provenance record or the like. */
export function isImageEntry(entry: Descriptor): boolean {
  const type = entry.annotations?.["vnd.docker.reference.type"];
  return (
    type === undefined &&
    entry.platform?.os !== "unknown" &&
    (isManifestType(entry.mediaType) || isIndexType(entry.mediaType))
  );
}

/**
 * The bytes of a schema 2 manifest that the engine makes itself: in Docker's own order of keys and indentation, so that
 * the same image has the same digest whoever pushes it.
 */
export function encodeManifest(manifest: Omit<Manifest, "schemaVersion">): Uint8Array {
  const ordered = ({ mediaType, size, digest }: Descriptor): Omit<Descriptor, "platform"> => ({
    mediaType,
    size,
    digest,
  });
  const { mediaType = DOCKER_MANIFEST, config, layers } = manifest;
  const document = { schemaVersion: 2, mediaType, config: ordered(config), layers: layers.map(ordered) };
  return new TextEncoder().encode(JSON.stringify(document, undefined, 3));
}

function descriptors(name: string, value: unknown): Descriptor[] {
  if (!Array.isArray(value)) throw badDocument(name, "a list of descriptors is expected");
  return value.map((item: unknown) => descriptor(name, item));
}

function descriptor(name: string, value: unknown): Descriptor {
  if (!isRecord(value)) throw badDocument(name, "a descriptor is expected");
  const { mediaType, digest, size, annotations, platform, urls } = value;
  if (typeof digest !== "string" || !isDigest(digest)) throw badDocument(name, "a descriptor has no sha256 digest");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw badDocument(name, `the size of ${digest} is not a number`);
  }
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest,
    size,
    ...(isTextMap(annotations) ? { annotations } : {}),
    ...(isPlatform(platform) ? { platform } : {}),
    ...(Array.isArray(urls) && urls.length > 0 ? { urls: urls.filter((url) => typeof url === "string") } : {}),
  };
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}

function isPlatform(value: unknown): value is Platform {
  return isRecord(value) && typeof value["os"] === "string" && typeof value["architecture"] === "string";
}
