import type { ProxyConfig } from "../client/index.ts";

const VARIABLES = {
  HTTP_PROXY: "httpProxy",
  HTTPS_PROXY: "httpsProxy",
  NO_PROXY: "noProxy",
  FTP_PROXY: "ftpProxy",
  ALL_PROXY: "allProxy",
} as const satisfies Record<string, keyof ProxyConfig>;

/**
 * Variables that tell programs in a container of the proxies that the configuration names for its engine: each in large
 * and in small letters, unless the container is given that one otherwise.
 * @param proxies by the engine's address; `default` serves the others.
 */
export function proxyVariables(
  proxies: Readonly<Record<string, ProxyConfig>>,
  host: string,
  given: readonly string[],
): string[] {
  const proxy = proxies[host] ?? proxies["default"] ?? {};
  const known = new Set(given.map((variable) => variable.replace(/=.*/s, "")));
  return Object.entries(VARIABLES).flatMap(([name, member]) => {
    const value = proxy[member] ?? "";
    if (value === "") return [];
    return [name, name.toLowerCase()].filter((each) => !known.has(each)).map((each) => `${each}=${value}`);
  });
}
