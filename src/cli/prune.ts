import type { Client } from "../client/index.ts";
import { encodeFilters } from "./targets.ts";
import type { Filters } from "./flags.ts";
import { humanSize } from "./units.ts";

/** What one kind of cleaning removed. */
export interface Pruned {
  text: string;
  space: number;
}

interface ImagesPruned {
  ImagesDeleted?: { Untagged?: string; Deleted?: string }[] | null;
  SpaceReclaimed?: number;
}

export async function pruneContainers(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.json<{ ContainersDeleted?: string[] | null; SpaceReclaimed?: number }>(
    "POST",
    "/containers/prune",
    {
      query: { filters: encodeFilters(filters) },
    },
  );
  return listed("Deleted Containers:", report.ContainersDeleted ?? [], report.SpaceReclaimed ?? 0);
}

export async function pruneVolumes(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.json<{ VolumesDeleted?: string[] | null; SpaceReclaimed?: number }>(
    "POST",
    "/volumes/prune",
    {
      query: { filters: encodeFilters(filters) },
    },
  );
  return listed("Deleted Volumes:", report.VolumesDeleted ?? [], report.SpaceReclaimed ?? 0);
}

export async function pruneNetworks(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.json<{ NetworksDeleted?: string[] | null }>("POST", "/networks/prune", {
    query: { filters: encodeFilters(filters) },
  });
  return listed("Deleted Networks:", report.NetworksDeleted ?? [], 0);
}

/** @param all unused images too, not only those without a name. */
export async function pruneImages(client: Client, filters: Filters, all: boolean): Promise<Pruned> {
  const report = await client.json<ImagesPruned>("POST", "/images/prune", {
    query: { filters: encodeFilters({ ...filters, dangling: [String(!all)] }) },
  });
  const lines = (report.ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
    Untagged !== undefined && Untagged !== "" ? `untagged: ${Untagged}` : `deleted: ${Deleted ?? ""}`,
  );
  return listed("Deleted Images:", lines, report.SpaceReclaimed ?? 0);
}

export async function pruneBuildCache(client: Client, filters: Filters, all: boolean, keep?: number): Promise<Pruned> {
  const report = await client.json<{ CachesDeleted?: string[] | null; SpaceReclaimed?: number }>(
    "POST",
    "/build/prune",
    {
      query: { all, filters: encodeFilters(filters), "keep-storage": keep },
    },
  );
  return listed("Deleted build cache objects:", report.CachesDeleted ?? [], report.SpaceReclaimed ?? 0);
}

function listed(title: string, lines: readonly string[], space: number): Pruned {
  return { text: lines.length === 0 ? "" : `${title}\n${lines.join("\n")}\n`, space };
}

export function reclaimed(space: number): string {
  return `Total reclaimed space: ${humanSize(space)}\n`;
}
