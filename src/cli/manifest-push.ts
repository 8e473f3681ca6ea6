import { parseDigest, sha256, type Digest } from "../base/index.ts";
import type { RepositoryClient } from "../registry/index.ts";
import { CliError, messageOf } from "./errors.ts";
import { canonicalReference, type ImageName, parseImageName } from "./image-name.ts";
import { manifestList, type ManifestList } from "./manifest-list.ts";
import type { ManifestRecord } from "./manifest-store.ts";

/** A manifest that is in another repository than the list, and is put into the list's first. */
interface Member {
  name: ImageName;
  from: string;
  os: string;
  bytes: Uint8Array;
  mediaType: string;
  blobs: Digest[];
}

export interface PushPlan {
  list: ManifestList;
  members: Member[];
}

/** What a push would send. @throws CliError when the list cannot be pushed. */
export function planPush(name: ImageName, records: readonly ManifestRecord[]): PushPlan {
  for (const { Ref, Descriptor: descriptor } of records) {
    if (!descriptor.platform?.architecture || !descriptor.platform.os)
      throw new CliError(`manifest ${Ref} must have an OS and Architecture to be pushed to a registry`);
  }
  const list = manifestList(name, records);
  const foreign = records.filter(({ Ref }) => parseImageName(Ref).path !== name.path);
  return { list, members: foreign.map((record) => memberOf(name, record)) };
}

/** Sends it all: blobs are taken over within the registry, then manifests, then the list. @returns the list's digest. */
export async function push(
  repository: RepositoryClient,
  name: ImageName,
  { list, members }: PushPlan,
  say: (line: string) => void,
): Promise<Digest> {
  const { signal } = new AbortController();
  for (const { from, os, blobs } of members) {
    for (const blob of blobs) {
      const mounted = await repository.mountBlob(blob, from, signal);
      if (!mounted && os !== "windows")
        // layers of Windows are not for registries to hand on
        throw new CliError(`error mounting ${from}@${blob} to ${canonicalReference(name)}`);
    }
  }
  for (const { name: member, bytes, mediaType } of members) {
    const digest = await put(repository, member, bytes, mediaType, signal);
    say(`Pushed ref ${canonicalReference(member)} with digest: ${digest}\n`);
  }
  return await put(repository, name, new TextEncoder().encode(list.text), list.mediaType, signal);
}

async function put(
  repository: RepositoryClient,
  name: ImageName,
  bytes: Uint8Array,
  mediaType: string,
  signal: AbortSignal,
): Promise<Digest> {
  try {
    await repository.putManifest(name.tag ?? name.digest ?? "latest", bytes, mediaType, signal);
  } catch (cause) {
    throw new CliError(`failed to put manifest ${canonicalReference(name)}: ${messageOf(cause)}`, 1, { cause });
  }
  return sha256(bytes);
}

function memberOf(list: ImageName, record: ManifestRecord): Member {
  const { Ref, Descriptor: descriptor } = record;
  const bytes = Buffer.from(record.Raw ?? "", "base64");
  const actual = sha256(bytes);
  if (actual !== descriptor.digest)
    throw new CliError(`internal digest mismatch for ${Ref}: expected ${descriptor.digest}, got ${actual}`);
  return {
    name: { ...list, tag: undefined, digest: descriptor.digest },
    from: parseImageName(Ref).path,
    os: descriptor.platform?.os ?? "",
    bytes,
    mediaType: descriptor.mediaType,
    blobs: blobsOf(bytes),
  };
}

/** The configuration and the layers. */
function blobsOf(manifest: Uint8Array): Digest[] {
  // The bytes are those that the digest names, and were read as a manifest when they were fetched
  const { config, layers } = JSON.parse(new TextDecoder().decode(manifest)) as {
    config?: { digest?: unknown };
    layers?: { digest?: unknown }[];
  };
  return [config, ...(layers ?? [])].map((blob) => parseDigest(String(blob?.digest)));
}
