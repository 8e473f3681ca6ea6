import { isDigest, type Digest } from "../base/index.ts";
import {
  badDigestLength,
  hexRepository,
  invalidReference,
  invalidTag,
  longRepository,
  unsupportedDigest,
  uppercaseRepository,
} from "./errors.ts";

/**
 * Image references as people type them: `[DOMAIN/]PATH[:TAG][@DIGEST]`, with Docker's short forms (`busybox` is
 * `docker.io/library/busybox`). The grammar is the one of distribution-spec and github.com/distribution/reference.
 */
export interface Reference {
  /** Host with optional port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Repository path within the domain: `library/busybox`. */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

export const DEFAULT_DOMAIN = "docker.io";
export const DEFAULT_TAG = "latest";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const MAX_PATH = 255;

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const TAG = "[\\w][\\w.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const WHOLE = new RegExp(`^(${DOMAIN})/(${COMPONENT}(?:/${COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const WHOLE_TAG = new RegExp(`^${TAG}$`);
const HEX64 = /^[0-9a-f]{64}$/;

/**
 * Reads a name with Docker's short forms.
 * @throws invalid with Docker's text.
 */
export function parseReference(text: string): Reference {
  if (HEX64.test(text)) throw hexRepository(text);
  const { domain, rest } = splitDomain(text);
  const colon = rest.indexOf(":");
  const name = colon < 0 ? rest : rest.slice(0, colon);
  if (name !== name.toLowerCase()) throw uppercaseRepository(name);
  const match = WHOLE.exec(`${domain}/${rest}`);
  const path = match?.[2];
  if (match === null || path === undefined) throw invalidReference();
  if (path.length > MAX_PATH) throw longRepository();
  return { domain, path, tag: match[3], digest: match[4] === undefined ? undefined : checkDigest(match[4]) };
}

/** The reference, or undefined where `parseReference` throws. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/** @throws invalid `invalid tag format`. */
export function withTag(reference: Reference, tag: string): Reference {
  if (!WHOLE_TAG.test(tag)) throw invalidTag();
  return { ...reference, tag };
}

export function withDigest(reference: Reference, digest: Digest): Reference {
  return { ...reference, tag: undefined, digest };
}

/** Adds `latest` to a bare name. */
export function withDefaultTag(reference: Reference): Reference {
  return isNameOnly(reference) ? { ...reference, tag: DEFAULT_TAG } : reference;
}

export function isNameOnly(reference: Reference): boolean {
  return reference.tag === undefined && reference.digest === undefined;
}

/** `docker.io/library/busybox` */
export function fullName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:latest`: what is stored and compared. */
export function fullReference(reference: Reference): string {
  return fullName(reference) + suffix(reference);
}

/** `busybox`: what people see. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return fullName(reference);
  const short = reference.path.startsWith(OFFICIAL) ? reference.path.slice(OFFICIAL.length) : reference.path;
  // `docker.io/library/foo/bar` is not official: its short form would read as another name.
  return short.includes("/") || short === "" ? reference.path : short;
}

/** `busybox:latest`: what people see. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}

function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf("/");
  if (slash < 0) return { domain: DEFAULT_DOMAIN, rest: OFFICIAL + text };
  const first = text.slice(0, slash);
  // Only what cannot be a path component is a host; upper case is not allowed in paths.
  const isHost = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !isHost || first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first;
  const rest = isHost ? text.slice(slash + 1) : text;
  return { domain, rest: domain === DEFAULT_DOMAIN && !rest.includes("/") ? OFFICIAL + rest : rest };
}

function checkDigest(text: string): Digest {
  const [algorithm, hex] = text.split(":");
  if (algorithm !== "sha256") throw unsupportedDigest();
  if (hex?.length !== 64) throw badDigestLength();
  if (!isDigest(text)) throw invalidReference();
  return text;
}
