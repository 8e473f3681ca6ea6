import type { DistributionInspect } from "../api/index.ts";
import type { RegistryAuth, RegistryClient, RepositoryClient } from "../registry/index.ts";
import { parseReference, withDefaultTag, type Descriptor, type Platform } from "../spec/index.ts";
import { MAX_DOCUMENT, parseJsonObject } from "./config.ts";
import { fetchDocument } from "./download.ts";
import { fullIdHasNoManifest } from "./errors.ts";
import { digestOf, parseManifest } from "./manifest.ts";

const FULL_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

/**
 * What a registry has under a name: the manifest's descriptor, and for which platforms there is an image. Nothing is kept.
 * @throws invalid for a name that is none; the registry's refusal as it words it.
 */
export async function inspectDistribution(
  registry: RegistryClient,
  name: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<DistributionInspect> {
  if (FULL_ID.test(name)) throw fullIdHasNoManifest();
  const reference = withDefaultTag(parseReference(name));
  const repository = registry.repository(reference, auth, "pull");
  const answer = await repository.manifest(reference.digest ?? reference.tag ?? "", signal);
  const document = parseManifest("manifest", answer.bytes, answer.mediaType);
  // The document's own type: what the registry says beside it may be wrong
  const Descriptor = { mediaType: document.mediaType, digest: answer.digest, size: answer.bytes.length };
  const Platforms =
    document.kind === "index"
      ? document.index.manifests.map(({ platform }) => shown(platform ?? { os: "", architecture: "" }))
      : await platformOf(repository, document.manifest.config, signal);
  return { Descriptor, Platforms };
}

/** Of an image: what its configuration says. One that cannot be had, or says nothing, is left out, as in Docker. */
async function platformOf(
  repository: RepositoryClient,
  config: Descriptor,
  signal: AbortSignal,
): Promise<DistributionInspect["Platforms"]> {
  const expected = { digest: digestOf(config), size: config.size };
  try {
    const { architecture, os, ...rest } = parseJsonObject(
      "config",
      await fetchDocument(repository, expected, MAX_DOCUMENT, signal),
    );
    if (typeof architecture !== "string" || typeof os !== "string" || architecture + os === "") return [];
    const [variant, version, features] = [rest["variant"], rest["os.version"], rest["os.features"]];
    return [
      shown({
        architecture,
        os,
        ...(typeof variant === "string" ? { variant } : {}),
        ...(typeof version === "string" ? { "os.version": version } : {}),
        ...(Array.isArray(features) ? { "os.features": features.filter((each) => typeof each === "string") } : {}),
      }),
    ];
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

/** In the order and with the members of Docker's answer. */
function shown(platform: Platform): DistributionInspect["Platforms"][number] {
  const { architecture, os, variant } = platform;
  const version = platform["os.version"];
  const features = platform["os.features"];
  return {
    architecture,
    os,
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
    ...(features === undefined || features.length === 0 ? {} : { "os.features": features }),
    ...(variant === undefined || variant === "" ? {} : { variant }),
  };
}
