import { type ApiVersion, hasSince, type ImageSummary } from "../../api/index.ts";

/** An image's summary in the shape of the version that was asked for. */
export function adaptImageSummary(image: ImageSummary, version: ApiVersion): unknown {
  if (hasSince(version, "1.44")) return image;
  const adapted = { ...image, VirtualSize: image.Size };
  if (hasSince(version, "1.43")) return adapted;
  // An image without a name had one that means so.
  return {
    ...adapted,
    RepoTags: orNoName(image.RepoTags, "<none>:<none>"),
    RepoDigests: orNoName(image.RepoDigests, "<none>@<none>"),
  };
}

function orNoName(names: readonly string[] | null | undefined, noName: string): readonly string[] {
  return names === null || names === undefined || names.length === 0 ? [noName] : names;
}
