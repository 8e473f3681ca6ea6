import { CliError } from "./errors.ts";

/** An image's name taken apart (distribution's reference grammar). */
export interface ImageName {
  /** Registry host, `docker.io` when none was given. */
  domain: string;
  /** Path on the registry, with `library/` for names of one part on docker.io. */
  path: string;
  tag: string | undefined;
  digest: string | undefined;
}

const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** @throws CliError with distribution's text. */
export function parseImageName(text: string): ImageName {
  const invalid = () => new CliError("invalid reference format");
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  let name = at === -1 ? text : text.slice(0, at);
  const colon = name.lastIndexOf(":");
  let tag: string | undefined;
  if (colon > name.lastIndexOf("/")) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
  }
  if (name.length === 64 && /^[0-9a-f]+$/.test(name)) {
    throw new CliError(`invalid repository name (${name}), cannot specify 64-byte hexadecimal strings`);
  }
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasDomain = slash !== -1 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const domain = hasDomain ? (first === "index.docker.io" ? "docker.io" : first) : "docker.io";
  let path = hasDomain ? name.slice(slash + 1) : name;
  if (domain === "docker.io" && !path.includes("/")) path = `library/${path}`;
  if (path !== path.toLowerCase())
    throw new CliError(`invalid reference format: repository name (${path}) must be lowercase`);
  if (hasDomain && !DOMAIN.test(domain)) throw invalid();
  for (const part of path.split("/")) if (!PART.test(part)) throw invalid();
  if ((tag !== undefined && !TAG.test(tag)) || (digest !== undefined && !DIGEST.test(digest))) throw invalid();
  return { domain, path, tag, digest };
}

/** `busybox`, `user/app`, `host/app`: the name without tag, as people write it. */
export function familiarName({ domain, path }: ImageName): string {
  if (domain !== "docker.io") return `${domain}/${path}`;
  return path.startsWith("library/") && path.split("/").length === 2 ? path.slice("library/".length) : path;
}

/** `busybox:latest`, `app@sha256:…`. */
export function familiarReference(name: ImageName): string {
  return familiarName(name) + suffix(name);
}

/** `docker.io/library/busybox:latest`. */
export function canonicalReference(name: ImageName): string {
  return `${name.domain}/${name.path}${suffix(name)}`;
}

/** The name with the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(name: ImageName): ImageName {
  return name.tag === undefined && name.digest === undefined ? { ...name, tag: "latest" } : name;
}

function suffix({ tag, digest }: ImageName): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}
