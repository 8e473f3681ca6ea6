import { messageOf } from "../base/index.ts";
import { basicHeader } from "./authorizer.ts";
import { endpointsOf, type Endpoint } from "./endpoints.ts";
import { noInsecureSearch, noSearch, searchStatus } from "./errors.ts";
import { isRecord, readJson } from "./json.ts";
import type { Transport } from "./transport.ts";
import type { Found, RegistryAuth, RegistryConfig } from "./types.ts";

const HUB: Endpoint = { base: new URL("https://index.docker.io"), insecure: false, mirror: false };
const MAX_ANSWER = 4 * 1024 * 1024;

/** @throws invalid when no registry answers there, unknown with the status of an answer that is none of a search. */
export async function search(
  transport: Transport,
  config: RegistryConfig,
  domain: string,
  query: { term: string; limit: number },
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<Found[]> {
  const { base, insecure } = domain === "docker.io" ? HUB : await findEndpoint(transport, config, domain, signal);
  const url = new URL("/v1/search", base);
  url.searchParams.set("q", query.term);
  url.searchParams.set("n", String(query.limit));
  const credentials = basicHeader(auth);
  const headers = { "x-docker-token": "true", ...(credentials === undefined ? {} : { authorization: credentials }) };
  const answer = await transport.send({ method: "GET", url, headers, insecure, signal });
  if (answer.status !== 200) {
    answer.discard();
    throw searchStatus(answer.status);
  }
  return readResults(url, await answer.bytes(MAX_ANSWER));
}

/** The first place where anything answers. */
async function findEndpoint(
  transport: Transport,
  config: RegistryConfig,
  domain: string,
  signal: AbortSignal,
): Promise<Endpoint> {
  const failures: string[] = [];
  const endpoints = endpointsOf(domain, config);
  for (const endpoint of endpoints) {
    try {
      const url = new URL("/v1/_ping", endpoint.base);
      (await transport.send({ method: "GET", url, headers: {}, insecure: endpoint.insecure, signal })).discard();
      return endpoint;
    } catch (error) {
      signal.throwIfAborted();
      failures.push(messageOf(error));
    }
  }
  const [https = "", http] = failures;
  throw http === undefined ? noSearch(domain, https) : noInsecureSearch(domain, https, http);
}

function readResults(url: URL, bytes: Uint8Array): Found[] {
  const value = readJson(url, bytes);
  const results = isRecord(value) && Array.isArray(value["results"]) ? (value["results"] as unknown[]) : []; // each is looked at
  return results.filter(isRecord).map((each) => ({
    name: text(each["name"]),
    description: text(each["description"]),
    stars: Number.isSafeInteger(each["star_count"]) ? Number(each["star_count"]) : 0,
    official: each["is_official"] === true,
  }));
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
