import { formatNanos, isDigest, nowNanos, type Digest } from "../base/index.ts";
import {
  familiarReference,
  fullName,
  isNameOnly,
  parseReference,
  withDefaultTag,
  withDigest,
  withTag,
  type Reference,
} from "../spec/index.ts";
import type { Catalog } from "./catalog.ts";
import { ambiguousTag, digestAsTag, pushByDigest, reservedName } from "./errors.ts";
import type { ImageEvents } from "./image-events.ts";

/**
 * A name to give to an image: `repo[:tag]`, or repo and tag apart.
 * @throws invalid for digests and for what would read as one.
 */
export function parseNewName(repo: string, tag: string | undefined): Reference {
  const reference = parseReference(repo);
  if (reference.digest !== undefined) throw digestAsTag();
  const named = tag === undefined || tag === "" ? withDefaultTag(reference) : withTag(reference, tag);
  if (named.domain === "docker.io" && named.path === "library/sha256") throw ambiguousTag();
  return named;
}

/** Points the name at the image, now. */
export function tagImage(catalog: Catalog, events: ImageEvents, id: Digest, name: Reference): void {
  catalog.transaction(() => {
    catalog.setReference(isNameOnly(name) ? withDefaultTag(name) : name, id);
    catalog.markTagged(id, formatNanos(nowNanos()));
  });
  events.publish("tag", id, { name: familiarReference(name) });
}

/**
 * What `docker pull` is told: a name, and a tag or digest apart or within it.
 * @throws invalid; forbidden for `scratch`.
 */
export function pullTarget(repo: string, tag: string | undefined): Reference {
  const reference = parseReference(repo);
  if (fullName(reference) === "docker.io/library/scratch") throw reservedName();
  if (tag === undefined || tag === "") return reference;
  return isDigest(tag) ? withDigest(reference, tag) : { ...withTag(reference, tag), digest: undefined };
}

/** What `docker push` is told. @throws invalid for a digest. */
export function pushTarget(name: string, tag: string | undefined): Reference {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw pushByDigest();
  return tag === undefined || tag === "" ? reference : withTag(reference, tag);
}
