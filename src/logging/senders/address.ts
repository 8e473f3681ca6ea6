import { badAddress } from "../errors.ts";

/** `proto://host:port` or `proto:///path`, taken apart. */
export type Address =
  | { readonly scheme: string; readonly host: string; readonly port: number }
  | { readonly scheme: string; readonly path: string };

/**
 * @param option whose value it is, for the error.
 * @param ports of schemes that go to a host; others go to a path. A port of 0 means that one must be given.
 * @throws invalid with Docker's text for what is no such address.
 */
export function parseAddress(
  option: string,
  text: string,
  schemes: Readonly<Record<string, number | "path">>,
): Address {
  const [, scheme = "", rest = ""] = /^([a-z+]+):\/\/(.*)$/.exec(text) ?? [];
  const kind = schemes[scheme];
  if (kind === undefined) throw badAddress(option, text);
  if (kind === "path") {
    if (!rest.startsWith("/")) throw badAddress(option, text);
    return { scheme, path: rest };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:/]*))(?::(\d+))?\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? kind : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw badAddress(option, text);
  return { scheme, host: host === "" ? "localhost" : host, port };
}
