import {
  type ApiVersion,
  hasSince,
  type ImageInspect,
  type ImageSummary,
  type OCIPlatform,
  parseJson,
} from "../../api/index.ts";
import { invalid, notFound } from "../../base/index.ts";

/** An image's summary in the shape of the version that was asked for. */
export function adaptImageSummary(image: ImageSummary, version: ApiVersion): unknown {
  if (hasSince(version, "1.51")) return image;
  // How many containers use it was not counted before, which -1 says.
  const uncounted = { ...image, Containers: -1 };
  if (hasSince(version, "1.44")) return uncounted;
  const adapted = { ...uncounted, VirtualSize: image.Size };
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

/**
 * An image is of one platform here: asked for another, it is not there.
 * @param platform JSON as clients send it, such as `{"os":"linux","architecture":"arm64"}`.
 * @throws invalid when it is no platform; not-found when the image is of another one.
 */
export function checkPlatform(ref: string, image: ImageInspect, platform: string | undefined): void {
  if (platform === undefined) return;
  const wanted = readPlatform(platform);
  const has: NonNullable<OCIPlatform> = {
    os: image.Os ?? "",
    architecture: image.Architecture ?? "",
    variant: image.Variant ?? "",
  };
  const differs = (["os", "architecture", "variant"] as const).some(
    (part) => (wanted[part] ?? "") !== "" && wanted[part] !== has[part],
  );
  if (!differs) return;
  const name = [wanted.os, wanted.architecture, wanted.variant].filter((part) => part).join("/");
  throw notFound(`image with reference ${ref} was found but does not provide the specified platform (${name})`);
}

function readPlatform(text: string): NonNullable<OCIPlatform> {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("invalid platform");
  const strings = Object.entries(value).filter(([, part]) => typeof part === "string");
  return Object.fromEntries(strings);
}
