import type { ConfigFile } from "../client/index.ts";
import { readStoredAuth } from "./credentials.ts";

/** The key under which Docker Hub's credentials are stored. */
export const HUB_KEY = "https://index.docker.io/v1/";

/** The key of a registry in the config file. */
export function authKey(domain: string): string {
  return domain === "docker.io" || domain === "index.docker.io" ? HUB_KEY : domain;
}

/** The header that hands a registry's credentials to the engine. */
export async function authHeader(config: ConfigFile, domain: string): Promise<Record<string, string>> {
  const auth = await readStoredAuth(config, authKey(domain));
  const text = JSON.stringify(auth ?? {});
  return { "X-Registry-Auth": Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_") };
}
