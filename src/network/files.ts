/** The text of a container's /etc/resolv.conf, and the lines that its /etc/hosts gets from networks. */

export interface ResolverFacts {
  servers: string[];
  search: string[];
  options: string[];
}

/** Where the embedded name server answers, in every container of a user-defined network. */
export const EMBEDDED_DNS = "127.0.0.11";
/** Used when the host has no name server that a container could reach. */
const FALLBACK = ["8.8.8.8", "8.8.4.4"];

/** The resolver's part of a resolv.conf (resolv.conf(5)). The last of `search` and `domain` counts. */
export function parseResolvConf(text: string): ResolverFacts {
  const facts: ResolverFacts = { servers: [], search: [], options: [] };
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && words[0] !== undefined) facts.servers.push(words[0]);
    else if (keyword === "search" || keyword === "domain") facts.search = words;
    else if (keyword === "options") facts.options.push(...words);
  }
  return facts;
}

/** Addresses that mean the host itself, and so nothing inside a container. */
export function isLoopback(server: string): boolean {
  return server.startsWith("127.") || server === "::1";
}

export interface ResolverQuery {
  /** The host's file. */
  host: ResolverFacts;
  /** The daemon's `--dns…` options. */
  daemon: ResolverFacts;
  /** The container's own, which come before the daemon's. */
  container: ResolverFacts;
  embedded: boolean;
  ipv6: boolean;
}

/** Name servers to ask about names that are not containers'. */
export function externalServers(query: ResolverQuery): string[] {
  const asked = firstOf(query.container.servers, query.daemon.servers);
  if (asked.length > 0) return asked;
  // The embedded server asks from the host, where the host's loopback resolver can be reached.
  if (query.embedded) return query.host.servers.length > 0 ? query.host.servers : FALLBACK;
  const usable = query.host.servers.filter((server) => !isLoopback(server) && (query.ipv6 || !server.includes(":")));
  return usable.length > 0 ? usable : FALLBACK;
}

/** The whole file for a container. */
export function resolvConf(query: ResolverQuery): string {
  const search = firstOf(query.container.search, query.daemon.search, query.host.search).filter((name) => name !== ".");
  const options = firstOf(query.container.options, query.daemon.options, query.host.options);
  const ndots = options.some((option) => option.startsWith("ndots:"));
  // Names without a dot are containers' names: ask for them as they are.
  if (query.embedded && !ndots) options.push("ndots:0");
  const servers = query.embedded ? [EMBEDDED_DNS] : externalServers(query);
  const lines = [
    "# Written by berth when the container started. Changes to this file are kept.",
    "",
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function firstOf(...lists: ReadonlyArray<readonly string[]>): string[] {
  return [...(lists.find((list) => list.length > 0) ?? [])];
}
