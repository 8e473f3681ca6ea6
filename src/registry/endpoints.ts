import { isIP, BlockList } from "node:net";
import { badUrl } from "./errors.ts";
import type { RegistryConfig } from "./types.ts";

/** A place where a registry may be found. */
export interface Endpoint {
  /** Scheme, host and port; mirrors may have a path before /v2/. */
  readonly base: URL;
  /** Certificates are not checked, and plain http is not refused. */
  readonly insecure: boolean;
  readonly mirror: boolean;
}

const HUB = "registry-1.docker.io";

/**
 * Where to ask for a domain, in order: mirrors (docker.io only), https, then plain http where that is allowed.
 * Plain http is never tried for a host that is neither local nor on the insecure list.
 */
export function endpointsOf(domain: string, config: RegistryConfig): Endpoint[] {
  if (domain === "docker.io") {
    const mirrors = config.mirrors.map((mirror) => mirrorEndpoint(mirror, config));
    return [...mirrors, { base: new URL(`https://${HUB}`), insecure: false, mirror: false }];
  }
  const insecure = isInsecure(domain, config.insecure);
  const secure = { base: baseOf("https", domain), insecure, mirror: false };
  return insecure && config.plainHttp !== false
    ? [secure, { base: baseOf("http", domain), insecure, mirror: false }]
    : [secure];
}

/** Loopback is insecure by itself; otherwise a host, `host:port` or an address within a CIDR of the list. */
export function isInsecure(domain: string, list: readonly string[]): boolean {
  const host = hostOf(domain);
  if (host === "localhost" || isLoopback(host)) return true;
  return list.some((entry) => {
    if (entry.includes("/")) return inNetwork(host, entry);
    return entry === domain || entry === host;
  });
}

function mirrorEndpoint(mirror: string, config: RegistryConfig): Endpoint {
  const base = parseUrl(mirror);
  return { base, insecure: base.protocol === "http:" || isInsecure(base.host, config.insecure), mirror: true };
}

function baseOf(scheme: "http" | "https", domain: string): URL {
  return parseUrl(`${scheme}://${domain}`);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw badUrl(text);
  return url;
}

function hostOf(domain: string): string {
  return domain.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function isLoopback(host: string): boolean {
  return host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function inNetwork(host: string, cidr: string): boolean {
  const family = isIP(host);
  if (family === 0) return false;
  const [network = "", bits = ""] = cidr.split("/");
  if (isIP(network) !== family || !/^\d+$/.test(bits)) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, Number(bits), type);
  return list.check(host, type);
}
