import { isDigest, type Digest } from "../base/index.ts";
import { familiarReference, parseReference, withDefaultTag } from "../spec/index.ts";
import type { Catalog, ImageRow } from "./catalog.ts";
import { noSuchImage } from "./errors.ts";

/**
 * What a name stands for, as Docker looks it up: a full id; a reference; the start of an id.
 * @throws not-found `No such image: NAME`, with the tag made explicit; invalid for what can be no name.
 */
export function resolveImage(catalog: Catalog, name: string): ImageRow {
  const id = resolveId(catalog, name);
  const image = id === undefined ? undefined : catalog.image(id);
  if (image === undefined) throw noSuchImage(asFullId(name) ?? explicit(name));
  return image;
}

function resolveId(catalog: Catalog, name: string): Digest | undefined {
  const full = asFullId(name);
  if (full !== undefined) return full;
  const reference = parseReference(name);
  const found = catalog.lookup(withDefaultTag(reference));
  if (found !== undefined) return found;
  if (reference.digest !== undefined) return byDigest(catalog, reference.digest, name);
  const prefix = /^(?:sha256:)?([0-9a-f]+)$/.exec(name)?.[1];
  if (prefix === undefined) return undefined;
  const ids = catalog.idsByPrefix(prefix);
  return ids.length === 1 ? ids[0] : undefined;
}

/** `name@sha256:…` also finds an image by its id, when it has that name. */
function byDigest(catalog: Catalog, digest: Digest, name: string): Digest | undefined {
  if (catalog.image(digest) === undefined) return undefined;
  const { domain, path } = parseReference(name);
  const named = catalog.referencesOf(digest).some((other) => other.domain === domain && other.path === path);
  return named ? digest : undefined;
}

function asFullId(name: string): Digest | undefined {
  const text = /^[0-9a-f]{64}$/.test(name) ? `sha256:${name}` : name;
  return isDigest(text) ? text : undefined;
}

function explicit(name: string): string {
  return asFullId(name) === undefined ? familiarReference(withDefaultTag(parseReference(name))) : name;
}

/** True when `name` is the start of this id, with or without its algorithm. */
export function isIdPrefix(id: Digest, name: string): boolean {
  return id.startsWith(name) || id.slice("sha256:".length).startsWith(name);
}
