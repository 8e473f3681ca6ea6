import { readFileSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import type { NetworkConfig } from "./config.ts";
import { parseResolvConf, externalServers, resolvConf } from "./files.ts";
import type { ResolverQuery } from "./files.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./records.ts";

/** User-defined networks have the embedded name server; the default bridge keeps to hosts files. */
export function isUserDefined(network: NetworkRecord | undefined): boolean {
  return network !== undefined && network.driver === "bridge" && network.name !== "bridge";
}

/** What sandboxes' files and name servers say, from the records. */
export class SandboxFiles {
  readonly #config: NetworkConfig;
  readonly #sandboxes: ReadonlyMap<string, SandboxRecord>;
  readonly #networkOf: (id: string) => NetworkRecord | undefined;

  constructor(
    config: NetworkConfig,
    sandboxes: ReadonlyMap<string, SandboxRecord>,
    networkOf: (id: string) => NetworkRecord | undefined,
  ) {
    this.#config = config;
    this.#sandboxes = sandboxes;
    this.#networkOf = networkOf;
  }

  /** Addresses of containers linked on the default bridge, then its own. */
  hostsLines(sandbox: SandboxRecord): Array<{ address: string; names: string[] }> {
    const own = sandbox.endpoints.flatMap((endpoint) =>
      addressesOf(endpoint).map((address) => ({ address, names: ownNames(sandbox.request) })),
    );
    return [...sandbox.request.links.flatMap((link) => this.#linkLines(link)), ...own];
  }

  #linkLines(link: string): Array<{ address: string; names: string[] }> {
    const [name = "", alias = name] = link.replace(/^\//, "").split(":");
    for (const other of this.#sandboxes.values()) {
      if (other.request.name !== name && !other.container.startsWith(name)) continue;
      const endpoint = other.endpoints.find((item) => this.#networkOf(item.network)?.name === "bridge");
      if (endpoint === undefined) continue;
      const names = [...new Set([alias, other.request.hostname, other.request.name])];
      return addressesOf(endpoint).map((address) => ({ address, names }));
    }
    return [];
  }

  /** The whole resolv.conf. */
  resolvConf(sandbox: SandboxRecord): string {
    return resolvConf(this.#query(sandbox));
  }

  /** The name servers that a sandbox's questions about the outside may go to: none from internal networks alone. */
  upstreams(sandbox: SandboxRecord): string[] {
    const outside = sandbox.endpoints.some((endpoint) => this.#networkOf(endpoint.network)?.internal === false);
    return outside ? externalServers(this.#query(sandbox)) : [];
  }

  needsNameServer(sandbox: SandboxRecord): boolean {
    return sandbox.endpoints.some((endpoint) => isUserDefined(this.#networkOf(endpoint.network)));
  }

  #query(sandbox: SandboxRecord): ResolverQuery {
    return {
      host: parseResolvConf(readOrEmpty(this.#config.resolvConf)),
      daemon: this.#config.dns,
      container: sandbox.request.dns,
      embedded: this.needsNameServer(sandbox),
      ipv6: sandbox.endpoints.some((endpoint) => endpoint.ipv6 !== undefined),
    };
  }
}

function addressesOf(endpoint: EndpointRecord): string[] {
  return [endpoint.ipv4, endpoint.ipv6].filter((address) => address !== undefined);
}

/** A few hundred bytes of a local file, in the page cache: read at once. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}

/** The whole name first, then the bare one; either may hold the domain. */
function ownNames({ hostname, domainname }: SandboxRecord["request"]): string[] {
  const whole = domainname ? `${hostname}.${domainname}` : hostname;
  return [...new Set([whole, whole.split(".")[0] ?? whole])];
}
