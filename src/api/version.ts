import { invalid } from "../base/index.ts";

/** A version of the Engine API, such as 1.47, as [1, 47]. */
export type ApiVersion = readonly [major: number, minor: number];
export type ApiVersionText = `${number}.${number}`;

/**
 * The newest version spoken. From 1.52 on the API's meaning of several bodies changes and clients begin to expect gRPC over
 * cleartext HTTP/2 on the same listener, which the HTTP layer refuses: see docs/http.md.
 */
export const MAX_API_VERSION: ApiVersion = [1, 51];
export const MIN_API_VERSION: ApiVersion = [1, 24];

/** `1.47` as [1, 47]; what is not a number counts as 0, as in Docker's comparison. */
export function parseApiVersion(text: string): ApiVersion {
  const [major, minor] = text.split(".");
  return [Number.parseInt(major ?? "", 10) || 0, Number.parseInt(minor ?? "", 10) || 0];
}

export function formatApiVersion(version: ApiVersion): string {
  return `${version[0]}.${version[1]}`;
}

/** Negative when `a` is older than `b`, 0 when they are the same. */
export function compareApiVersions(a: ApiVersion, b: ApiVersion): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** True when a call of that version has what appeared with `since`. */
export function hasSince(version: ApiVersion, since: ApiVersionText): boolean {
  return compareApiVersions(version, parseApiVersion(since)) >= 0;
}

/**
 * The version that a path asks for.
 * @throws invalid with the texts that clients match on, when it is outside of [min, max].
 */
export function negotiate(
  asked: string,
  min: ApiVersion = MIN_API_VERSION,
  max: ApiVersion = MAX_API_VERSION,
): ApiVersion {
  const version = parseApiVersion(asked);
  if (compareApiVersions(version, min) < 0) throw tooOld(asked, min);
  if (compareApiVersions(version, max) > 0) {
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${formatApiVersion(max)}`);
  }
  return version;
}

function tooOld(asked: string, min: ApiVersion) {
  const least = formatApiVersion(min);
  return invalid(
    `client version ${asked} is too old. Minimum supported API version is ${least}, please upgrade your client to a newer version`,
  );
}
