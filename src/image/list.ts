import type { Filters, ImageDeleteResponseItem, ImageSummary } from "../api/index.ts";
import type { Digest } from "../base/index.ts";
import type { Catalog, ImageRow } from "./catalog.ts";
import { createdAt, listFilter, matchesReference, pruneFilter, type ImageFilter } from "./filters.ts";
import { splitNames } from "./inspect.ts";
import { tryRemove, type RemoveParts } from "./remove.ts";
import type { ImageUsers } from "./types.ts";

/** GET /images/json, newest first. Images that only serve as parents of others are shown with `all`. */
export function listImages(
  catalog: Catalog,
  users: ImageUsers,
  query: { all: boolean; filters: Filters; sharedSize: boolean },
): ImageSummary[] {
  const filter = listFilter(catalog, query.filters);
  const images = catalog.images().filter((image) => filter.accepts(image));
  const shared = query.sharedSize ? sharedSizes(catalog) : undefined;
  const rows = images.flatMap((image) => summarize(catalog, users, image, filter, query.all, shared?.get(image.id)));
  return rows.sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1));
}

function summarize(
  catalog: Catalog,
  users: ImageUsers,
  image: ImageRow,
  filter: ImageFilter,
  all: boolean,
  sharedSize: number | undefined,
): ImageSummary[] {
  const references = catalog
    .referencesOf(image.id)
    .filter((name) => filter.references.length === 0 || filter.references.some((item) => matchesReference(name, item)));
  const { tags, digests } = splitNames(references);
  if (tags.length === 0 && digests.length === 0) {
    const hidden = !all && catalog.children(image.id).length > 0;
    if (hidden || filter.references.length > 0 || filter.dangling === false) return [];
  } else if (filter.dangling === true && tags.length > 0) return [];
  return [
    {
      Id: image.id,
      ParentId: image.parent ?? "",
      RepoTags: tags,
      RepoDigests: digests,
      Created: Math.floor(createdAt(image) / 1000),
      Size: image.size,
      SharedSize: sharedSize ?? -1,
      Labels: labelsOf(image),
      Containers: users.usersOf(image.id).length,
    },
  ];
}

function labelsOf(image: ImageRow): Record<string, string> {
  const labels = image.config.config?.Labels ?? null;
  return labels as Record<string, string>; // Docker answers null without labels, which the API document does not say
}

/** Bytes of each image in layers that other images are made of too. */
function sharedSizes(catalog: Catalog): Map<Digest, number> {
  const uses = catalog.layerUses();
  const sizeOf = (image: ImageRow): number =>
    catalog
      .layersOf(image.id)
      .filter((layer) => (uses.get(layer.chainId) ?? 0) > 1)
      .reduce((sum, layer) => sum + layer.size, 0);
  return new Map(catalog.images().map((image) => [image.id, sizeOf(image)]));
}

/** POST /images/prune: dangling images, or with `dangling=false` all that no container uses. */
export async function pruneImages(
  parts: RemoveParts,
  filters: Filters,
): Promise<{ ImagesDeleted: ImageDeleteResponseItem[] | null; SpaceReclaimed: number }> {
  const { catalog, users, events } = parts;
  const filter = pruneFilter(filters);
  const before = layerBytes(catalog);
  const deleted: ImageDeleteResponseItem[] = [];
  for (const image of catalog.images()) {
    if (!filter.accepts(image) || users.usersOf(image.id).length > 0) continue;
    if (catalog.children(image.id).length > 0) continue;
    const names = catalog.referencesOf(image.id);
    const tagged = names.some((name) => name.digest === undefined);
    if (filter.dangling === true && tagged) continue;
    deleted.push(...(await removeWithNames(parts, image)));
  }
  const reclaimed = Math.max(0, before - layerBytes(catalog));
  events.pruned(reclaimed);
  return { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
}

async function removeWithNames(parts: RemoveParts, image: ImageRow): Promise<ImageDeleteResponseItem[]> {
  const { tags, digests } = splitNames(parts.catalog.referencesOf(image.id));
  const names = [...tags, ...digests];
  const records: ImageDeleteResponseItem[] = [];
  for (const name of names.length === 0 ? [image.id] : names) {
    // Removing the last tag of a repository took its digests along.
    if (parts.catalog.image(image.id) === undefined) break;
    records.push(...((await tryRemove(parts, name)) ?? []));
  }
  return records;
}

function layerBytes(catalog: Catalog): number {
  return catalog.layers().reduce((sum, layer) => sum + layer.size, 0);
}
