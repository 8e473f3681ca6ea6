import type { DriverData, ImageHistoryResponseItem, ImageInspect } from "../api/index.ts";
import { ZERO_TIME } from "../base/index.ts";
import type { Snapshotter } from "../snapshot/index.ts";
import { familiarName, familiarReference, type Reference } from "../spec/index.ts";
import type { Catalog, ImageRow } from "./catalog.ts";

/** Names of an image as the API splits them: tags, and digests of manifests. */
export function splitNames(references: readonly Reference[]): { tags: string[]; digests: string[] } {
  const tags: string[] = [];
  const digests: string[] = [];
  for (const reference of references) {
    if (reference.digest !== undefined) digests.push(`${familiarName(reference)}@${reference.digest}`);
    else tags.push(familiarReference(reference));
  }
  return { tags, digests };
}

/** GET /images/{name}/json. The edge takes out what the client's API version does not have. */
export function inspectImage(
  catalog: Catalog,
  snapshotter: Snapshotter,
  image: ImageRow,
): ImageInspect & { Parent: string; DockerVersion: string } {
  const { config } = image;
  const { tags, digests } = splitNames(catalog.referencesOf(image.id));
  const run = config.config ?? {};
  return {
    Id: image.id,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: image.parent ?? "",
    Comment: config.history?.at(-1)?.comment ?? "",
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: {
      User: run.User ?? "",
      ...(run.ExposedPorts ? { ExposedPorts: run.ExposedPorts } : {}),
      Env: nullable(run.Env),
      Entrypoint: nullable(run.Entrypoint),
      Cmd: nullable(run.Cmd),
      Volumes: nullable(run.Volumes),
      WorkingDir: run.WorkingDir ?? "",
      Labels: nullable(run.Labels),
      ...(run.StopSignal ? { StopSignal: run.StopSignal } : {}),
      ...(run.ArgsEscaped === true ? { ArgsEscaped: true } : {}),
      ...(run.Healthcheck ? { Healthcheck: run.Healthcheck } : {}),
      OnBuild: run.OnBuild ?? null,
      ...(run.Shell ? { Shell: run.Shell } : {}),
    },
    Architecture: config.architecture,
    ...(config.variant === undefined || config.variant === "" ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config["os.version"] === undefined ? {} : { OsVersion: config["os.version"] }),
    Size: image.size,
    GraphDriver: graphDriver(snapshotter, image),
    RootFS: {
      Type: "layers",
      ...(config.rootfs.diff_ids.length === 0 ? {} : { Layers: config.rootfs.diff_ids }),
    },
    Metadata: { LastTagTime: image.taggedAt ?? ZERO_TIME },
  };
}

/** GET /images/{name}/history: newest first; only the image itself and its parents here have ids. */
export function historyOf(catalog: Catalog, image: ImageRow): ImageHistoryResponseItem[] {
  const layers = catalog.layersOf(image.id);
  let next = 0;
  const items = (image.config.history ?? []).map((entry): ImageHistoryResponseItem => {
    const size = entry.empty_layer === true ? 0 : (layers[next++]?.size ?? 0);
    return {
      Id: "<missing>",
      Created: entry.created === undefined ? 0 : Math.floor(Date.parse(entry.created) / 1000) || 0,
      CreatedBy: entry.created_by ?? "",
      Tags: nullable<string[]>(undefined),
      Size: size,
      Comment: entry.comment ?? "",
    };
  });
  items.reverse();
  let current: ImageRow | undefined = image;
  for (const item of items) {
    if (current === undefined) break;
    const { tags } = splitNames(catalog.referencesOf(current.id));
    item.Id = current.id;
    item.Tags = nullable(tags.length === 0 ? undefined : tags);
    current = current.parent === undefined ? undefined : catalog.image(current.parent);
  }
  return items;
}

function graphDriver(snapshotter: Snapshotter, image: ImageRow): DriverData {
  if (image.chainId === undefined || !snapshotter.has(image.chainId)) {
    return { Name: snapshotter.driver, Data: {} };
  }
  return snapshotter.graphDriver(image.chainId);
}

/** Docker answers null for an absent list or map here, which the API document does not say. */
function nullable<T>(value: T | null | undefined): T {
  return (value ?? null) as T; // see above: the clients' own types allow null
}
