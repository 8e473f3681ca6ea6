import { randomBytes } from "node:crypto";
import { shortId, type Digest } from "../base/index.ts";

const PREFIX = "unpack-";

/** A new key for the snapshot that a layer is unpacked in. */
export function unpackKey(chainId: Digest): string {
  return `${PREFIX}${shortId(chainId)}-${randomBytes(6).toString("hex")}`;
}

/** True for the key of a layer that is being unpacked. */
export function isUnpackKey(key: string): boolean {
  return key.startsWith(PREFIX);
}
