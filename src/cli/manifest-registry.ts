import { EngineError, isDigest, parseDigest, sha256, type Digest } from "../base/index.ts";
import { createRegistryClient, RegistryError, type RepositoryClient } from "../registry/index.ts";
import { isIndexType, OCI_MANIFEST, DOCKER_MANIFEST, type Descriptor, type Platform } from "../spec/index.ts";
import type { Context } from "./command.ts";
import { readStoredAuth } from "./credentials.ts";
import { CliError, messageOf } from "./errors.ts";
import { canonicalReference, type ImageName } from "./image-name.ts";
import { orderedPlatform } from "./manifest-list.ts";
import type { ManifestRecord } from "./manifest-store.ts";
import { authKey } from "./registry-auth.ts";

/** Larger than any configuration that the engine takes. */
const MAX_CONFIG = 8 * 1024 * 1024;

/** What stands in a registry under a name. */
export type Found = { kind: "manifest"; record: ManifestRecord } | { kind: "list"; records: ManifestRecord[] };

export interface Access {
  access: "pull" | "push";
  /** `--insecure`: certificates are not checked, and plain http is spoken. */
  insecure: boolean;
}

/** The repository that a name is in, with the credentials that `login` stored. */
export async function repositoryOf(
  context: Context,
  name: ImageName,
  { access, insecure }: Access,
): Promise<RepositoryClient> {
  const client = createRegistryClient({
    insecure: insecure ? [name.domain] : [],
    mirrors: [],
    // As Docker's command has it: what is in a registry of plain http is shown only when asked for so
    plainHttp: insecure || access === "push",
  });
  const auth = await readStoredAuth(await context.config(), authKey(name.domain));
  return client.repository(name, auth, access);
}

/** A manifest, or all manifests of a list, with the platforms that they are for. @throws CliError with Docker's texts. */
export async function fetchManifest(context: Context, name: ImageName, insecure: boolean): Promise<Found> {
  const repository = await repositoryOf(context, name, { access: "pull", insecure });
  const { signal } = new AbortController();
  try {
    const top = await repository.manifest(name.digest ?? name.tag ?? "latest", signal);
    const document = readDocument(name, top.bytes, top.mediaType);
    if (!isIndexType(document.mediaType))
      return { kind: "manifest", record: await recordOf(repository, name, document, signal) };
    const records: ManifestRecord[] = [];
    for (const { digest, platform } of descriptors(document.json["manifests"])) {
      const answer = await repository.manifest(digest, signal);
      const member = { ...name, digest };
      const read = readDocument(member, answer.bytes, answer.mediaType);
      if (isIndexType(read.mediaType)) throw new CliError(`${canonicalReference(member)} is a manifest list`);
      const record = await recordOf(repository, member, read, signal);
      records.push({ ...record, Descriptor: { ...record.Descriptor, platform: orderedPlatform(platform) } });
    }
    return { kind: "list", records };
  } catch (error) {
    throw explained(name, error);
  }
}

/** What a registry's failure is called by Docker's command. */
export function explained(name: ImageName, error: unknown): CliError {
  if (error instanceof CliError) return error;
  const missing = new CliError(`no such manifest: ${canonicalReference(name)}`);
  if (error instanceof RegistryError)
    return ["", "UNAUTHORIZED", "MANIFEST_UNKNOWN", "NAME_UNKNOWN"].includes(error.code) ? missing : said(error);
  const text = messageOf(error);
  if (text.endsWith("server gave HTTP response to HTTPS client")) return missing;
  const unreachable = error instanceof EngineError && /^Get "[^"]*\/v2\/": /.test(text);
  return unreachable ? new CliError(`failed to configure transport: error pinging v2 registry: ${text}`) : said(error);
}

const said = (error: unknown): CliError => new CliError(messageOf(error), 1, { cause: error });

interface Document {
  bytes: Uint8Array;
  json: Record<string, unknown>;
  mediaType: string;
}

function readDocument(name: ImageName, bytes: Uint8Array, declared: string): Document {
  const json = parseObject(bytes);
  const own = json["mediaType"];
  const mediaType = typeof own === "string" && own !== "" ? own : declared;
  const known = isIndexType(mediaType) || mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
  // One document must not be an image for one reader and a list for another
  const both = json["manifests"] !== undefined && (json["layers"] !== undefined || json["config"] !== undefined);
  if (!known || both) throw new CliError(`${canonicalReference(name)} is not a manifest`);
  return { bytes, json, mediaType };
}

async function recordOf(
  repository: RepositoryClient,
  name: ImageName,
  { bytes, json, mediaType }: Document,
  signal: AbortSignal,
): Promise<ManifestRecord> {
  const config = json["config"];
  const digest = isRecord(config) ? config["digest"] : undefined;
  if (typeof digest !== "string" || !isDigest(digest))
    throw new CliError(`${canonicalReference(name)} is not a manifest`);
  const platform = platformOf(parseObject(await fetchConfig(repository, digest, signal)));
  return {
    Ref: canonicalReference(name),
    Descriptor: { mediaType, digest: sha256(bytes), size: bytes.length, platform },
    Raw: Buffer.from(bytes).toString("base64"),
    [mediaType === OCI_MANIFEST ? "OCIManifest" : "SchemaV2Manifest"]: json,
  };
}

async function fetchConfig(repository: RepositoryClient, digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
  const { body } = await repository.blob(digest, 0, signal);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_CONFIG) throw new CliError(`image config ${digest} is larger than ${MAX_CONFIG} bytes`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (sha256(bytes) !== digest) throw new CliError(`image config verification failed for digest ${digest}`);
  return bytes;
}

function descriptors(value: unknown): { digest: Digest; platform: Platform }[] {
  const entries = Array.isArray(value) ? (value as unknown[]) : []; // members are looked at one by one
  return entries.map((entry) => {
    const { digest, platform }: Partial<Record<keyof Descriptor, unknown>> = isRecord(entry) ? entry : {};
    return { digest: parseDigest(String(digest)), platform: platformOf(isRecord(platform) ? platform : {}) };
  });
}

/** The platform's members that are what they should be. */
function platformOf(from: Readonly<Record<string, unknown>>): Platform {
  const text = (key: string): string => (typeof from[key] === "string" ? from[key] : "");
  const features = from["os.features"];
  return orderedPlatform({
    architecture: text("architecture"),
    os: text("os"),
    "os.version": text("os.version"),
    "os.features": Array.isArray(features) ? features.filter((each) => typeof each === "string") : [],
    variant: text("variant"),
  });
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new CliError(`the registry's answer is no JSON: ${messageOf(cause)}`, 1, { cause });
  }
  if (isRecord(value)) return value;
  throw new CliError("the registry's answer is no JSON object");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
