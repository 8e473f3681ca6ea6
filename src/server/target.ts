import { type ApiVersion, MAX_API_VERSION, negotiate } from "../api/index.ts";
import { invalid } from "../base/index.ts";
import { HttpFault } from "./http/index.ts";

/** A request's target, taken apart. */
export interface Target {
  /** Decoded, without the version. */
  readonly path: string;
  /** The version as it stands in the path, such as `1.47`. */
  readonly version: string | undefined;
  /** Not decoded. */
  readonly query: string;
}

/** @throws HttpFault 400 when the path cannot be decoded or is none. */
export function parseTarget(target: string): Target {
  // RFC 9112 §3.2.2: a server has to accept a whole URL as well.
  const local = target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const [beforeHash = ""] = local.split("#", 1);
  const mark = beforeHash.indexOf("?");
  const encoded = mark === -1 ? beforeHash : beforeHash.slice(0, mark);
  const query = mark === -1 ? "" : beforeHash.slice(mark + 1);
  const path = decode(encoded === "" ? "/" : encoded);
  const [, version, rest] = /^\/v([0-9.]+)(\/.*)$/s.exec(path) ?? [];
  return { path: rest ?? path, version, query };
}

/** The version that a call speaks; without one in the path, the newest. @throws invalid outside of what is spoken. */
export function versionOf(target: Target): ApiVersion {
  return target.version === undefined ? MAX_API_VERSION : negotiate(target.version);
}

/** Every name with its values, in order. @throws invalid `invalid URL escape` as Go's parser. */
export function parseQuery(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (query === "") return values;
  const [bad] = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(query) ?? [];
  if (bad !== undefined) throw invalid(`invalid URL escape ${JSON.stringify(bad)}`);
  for (const [name, value] of new URLSearchParams(query)) {
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  }
  return values;
}

function decode(path: string): string {
  if (!path.startsWith("/")) throw new HttpFault(400, "malformed request target");
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw new HttpFault(400, "malformed request target");
  }
}
