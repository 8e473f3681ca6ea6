import { invalid } from "../base/index.ts";

/** Texts of github.com/distribution/reference, which clients match on. */
export const invalidReference = () => invalid("invalid reference format");
export const uppercaseRepository = (path: string) =>
  invalid(`invalid reference format: repository name (${path}) must be lowercase`);
export const hexRepository = (text: string) =>
  invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
export const longRepository = () => invalid("repository name must not be more than 255 characters");
export const unsupportedDigest = () => invalid("unsupported digest algorithm");
export const badDigestLength = () => invalid("invalid checksum digest length");
export const invalidTag = () => invalid("invalid tag format");
