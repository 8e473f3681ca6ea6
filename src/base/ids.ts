import { createHash, randomBytes } from "node:crypto";
import { invalid } from "./errors.ts";

/** `sha256:` and 64 hex digits (OCI image spec, descriptor.md, Digests). Made by `parseDigest` and `sha256` only. */
export type Digest = string & { readonly __brand: "Digest" };
/** 64 lower-case hex digits. */
export type ContainerId = string & { readonly __brand: "ContainerId" };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** @throws invalid when `text` is not a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (!DIGEST.test(text)) throw invalid(`invalid digest "${text}": expected sha256: and 64 hex digits`);
  return text as Digest; // checked above: this is the parser
}

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The digest of bytes or text. */
export function sha256(data: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(data).digest("hex")}` as Digest; // by construction
}

/** The 64 hex digits after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** 64 random hex digits, with at least one letter in the first 12 so that a short id is never taken for a number. */
export function randomId(): ContainerId {
  for (;;) {
    const id = randomBytes(32).toString("hex");
    if (/[a-f]/.test(id.slice(0, 12))) return id as ContainerId; // by construction
  }
}

/** @throws invalid when `text` is not a full id. */
export function parseContainerId(text: string): ContainerId {
  if (!/^[0-9a-f]{64}$/.test(text)) throw invalid(`invalid container id "${text}"`);
  return text as ContainerId; // checked above: this is the parser
}

/** The 12 digits that people see. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
