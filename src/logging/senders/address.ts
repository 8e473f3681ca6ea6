import { quote } from "../../template/index.ts";
import { badOption } from "../errors.ts";

/** A receiver's host and port, or the path of its socket. */
export type Address =
  | { readonly scheme: string; readonly host: string; readonly port: number }
  | { readonly scheme: string; readonly path: string };

/** A URL taken apart as Go does it, as far as addresses of receivers need. */
export interface Url {
  /** In small letters; empty: none. */
  readonly scheme: string;
  /** With the port, if one is named. */
  readonly authority: string;
  readonly path: string;
}

/** @throws invalid with Go's text. */
export function parseUrl(text: string): Url {
  const bad = (why: string) => badOption(`parse ${quote(text)}: ${why}`);
  if (Buffer.from(text).some((byte) => byte < 0x20 || byte === 0x7f))
    throw bad("net/url: invalid control character in URL");
  if (text.startsWith(":")) throw bad("missing protocol scheme");
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1] ?? "";
  const rest = text.slice(scheme === "" ? 0 : scheme.length + 1).replace(/[#?].*$/s, "");
  if (scheme === "" && /^[^/]*:/.test(rest)) throw bad("first path segment in URL cannot contain colon");
  const [, authority = "", path = ""] = /^(?:\/\/([^/]*))?(.*)$/s.exec(rest) ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (host.startsWith("[") && !host.includes("]")) throw bad("missing ']' in host");
  const [port = ""] = /(?:(?<=^\[.*\])[^\]]*|(?<!^\[.*):[^:]*)$/.exec(host) ?? [];
  if (!/^(?::[0-9]*)?$/.test(port)) throw bad(`invalid port ${quote(port)} after host`);
  const escape = /%.{0,2}/.exec(host)?.[0];
  if (escape !== undefined) throw bad(`invalid URL escape ${quote(escape)}`);
  const odd = /[ \\^`{|}]/.exec(host)?.[0];
  if (odd !== undefined) throw bad(`invalid character ${quote(odd)} in host name`);
  return { scheme: scheme.toLowerCase(), authority: host, path: path.startsWith("/") ? path : "" };
}

/**
 * Host and port of a URL's authority; the port is undefined when none is named, the host `localhost`.
 * @throws invalid with Go's text for several colons outside of brackets, and for a port that is none.
 */
export function splitAuthority(authority: string): { host: string; port: number | undefined } {
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(authority) ?? [];
  const named = bracketed ?? plain;
  if (named === undefined) throw badOption(`address ${authority}: too many colons in address`);
  const port = digits === "" ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) {
    throw badOption(`invalid port: strconv.ParseUint: parsing ${quote(digits)}: value out of range`);
  }
  return { host: named === "" ? "localhost" : named, port };
}
