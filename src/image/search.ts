import type { Filters, ImageSearchResultItem } from "../api/index.ts";
import type { RegistryAuth, RegistryClient } from "../registry/index.ts";
import { invalidFilterStars, searchLimit, searchScheme } from "./errors.ts";
import { readBoolean } from "./filters.ts";

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;
const HUB = ["docker.io", "index.docker.io"];

/**
 * `docker search`: `[REGISTRY/]TERM`. Nothing is built automatically any more: whoever asks for such images finds none.
 * @throws invalid for filters, limits and terms with a scheme, as Docker words it; what the registry refuses.
 */
export async function searchImages(
  registry: RegistryClient,
  query: { term: string; limit: number | undefined; filters: Filters },
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<ImageSearchResultItem[]> {
  const automated = readBoolean(query.filters, "is-automated");
  const official = readBoolean(query.filters, "is-official");
  const stars = Math.max(0, ...(query.filters.get("stars") ?? []).map(starsOf));
  const limit = query.limit || DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) throw searchLimit(limit, MAX_LIMIT);
  if (/^https?:\/\//.test(query.term)) throw searchScheme(query.term);
  if (automated === true) return [];
  const { domain, term } = splitTerm(query.term);
  const found = await registry.search(domain, { term, limit }, auth, signal);
  return found
    .filter((each) => (official === undefined || each.official === official) && each.stars >= stars)
    .map(({ name, description, stars: star_count, official: is_official }) => ({
      name,
      description,
      star_count,
      is_official,
      is_automated: false,
    }));
}

/** What comes before the first slash is a registry when it looks like a host. */
function splitTerm(text: string): { domain: string; term: string } {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  const named = /[.:]/.test(first) || first === "localhost";
  const term = named ? text.slice(slash + 1) : text;
  if (named && !HUB.includes(first)) return { domain: first, term };
  return { domain: "docker.io", term: term.replace(/^library\//, "") };
}

function starsOf(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalidFilterStars(text);
  return Number(text);
}
