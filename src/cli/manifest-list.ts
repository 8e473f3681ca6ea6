import { DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST, type Platform } from "../spec/index.ts";
import { CliError } from "./errors.ts";
import { goJson } from "./format.ts";
import { type ImageName, parseImageName } from "./image-name.ts";
import type { ManifestRecord } from "./manifest-store.ts";

/** A manifest list as it is pushed and shown, in the order and indentation of Docker's command: the digests are the same. */
export interface ManifestList {
  text: string;
  mediaType: string;
}

/** @throws CliError for images of another registry than the list's, which no registry could find. */
export function manifestList(name: ImageName, records: readonly ManifestRecord[]): ManifestList {
  const mediaType = records[0]?.Descriptor.mediaType === OCI_MANIFEST ? OCI_INDEX : DOCKER_MANIFEST_LIST;
  const manifests = records.map(({ Ref, Descriptor: { mediaType: type, size, digest, platform } }) => {
    const { domain } = parseImageName(Ref);
    if (domain !== name.domain) {
      throw new CliError(
        `cannot use source images from a different registry than the target image: ${domain} != ${name.domain}`,
      );
    }
    return { mediaType: type, size, digest, platform: orderedPlatform(platform ?? { architecture: "", os: "" }) };
  });
  return { mediaType, text: goJson({ schemaVersion: 2, mediaType, manifests }, "   ") };
}

/** A platform's members in the order in which Go's types have them. */
export function orderedPlatform(platform: Platform): Platform {
  const { architecture, os, variant } = platform;
  const version = platform["os.version"] ?? "";
  const features = platform["os.features"] ?? [];
  return {
    architecture,
    os,
    ...(version === "" ? {} : { "os.version": version }),
    ...(features.length === 0 ? {} : { "os.features": features }),
    ...(variant === undefined || variant === "" ? {} : { variant }),
  };
}
