import type { Archiver } from "../archive/index.ts";
import { crashPoint, isKind, type Digest } from "../base/index.ts";
import type { ContentStore, ResumableWriter } from "../content/index.ts";
import type { RegistryAuth, RegistryClient, RepositoryClient } from "../registry/index.ts";
import {
  familiarName,
  familiarReference,
  formatPlatform,
  fullName,
  hostPlatform,
  isImageConfigType,
  isNameOnly,
  parsePlatform,
  platformRank,
  withDigest,
  withTag,
  type Descriptor,
  type Manifest,
  type Platform,
  type Reference,
} from "../spec/index.ts";
import type { Catalog } from "./catalog.ts";
import { stackOf, type StackedLayer } from "./chain.ts";
import { MAX_DOCUMENT, parseConfig, type StoredConfig } from "./config.ts";
import { download, fetchDocument, type RetryDelay } from "./download.ts";
import { layerCountMismatch, noMatchingPlatform, noTags, unsupportedConfig } from "./errors.ts";
import type { ImageEvents } from "./image-events.ts";
import { mediaTypeOf } from "./layer-blob.ts";
import { layerLabel, type LayerRequest, type LayerStore } from "./layer-store.ts";
import { bestEntry } from "./load-plan.ts";
import { digestOf, isImageEntry, parseManifest } from "./manifest.ts";
import { byteProgress, type Report } from "./progress.ts";
import { pullError } from "./registry-errors.ts";
import type { TransferLimits } from "./transfer-limits.ts";

export interface PullParts {
  catalog: Catalog;
  layers: LayerStore;
  content: ContentStore;
  archive: Archiver;
  events: ImageEvents;
  registry: RegistryClient;
  delay: RetryDelay;
  limits: () => TransferLimits;
}

export interface PullOptions {
  platform: string | undefined;
  auth: RegistryAuth | undefined;
}

/**
 * `docker pull`: one tag or digest, or with a bare name all tags of the repository.
 * @throws with Docker's texts; what was downloaded whole is kept for the next try until then.
 */
export async function pull(
  parts: PullParts,
  reference: Reference,
  options: PullOptions,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const platform = options.platform ? parsePlatform(options.platform) : undefined;
  const repository = parts.registry.repository(reference, options.auth, "pull");
  try {
    const references = isNameOnly(reference) ? await allTags(repository, reference, signal) : [reference];
    let changed = false;
    const warnings: string[] = [];
    for (const one of references) {
      const pull = new Pull(parts, repository, one, platform, report, signal);
      changed = (await pull.run()) === "new" || changed;
      warnings.push(...pull.warnings);
    }
    const shown = familiarReference(reference);
    report({
      status: changed ? `Status: Downloaded newer image for ${shown}` : `Status: Image is up to date for ${shown}`,
    });
    for (const status of warnings) report({ status });
  } catch (error) {
    signal.throwIfAborted();
    throw pullError(reference, error);
  }
}

async function allTags(repository: RepositoryClient, reference: Reference, signal: AbortSignal): Promise<Reference[]> {
  const tags = await repository.tags(signal);
  if (tags.length === 0) throw noTags(familiarName(reference));
  return tags.map((tag) => withTag(reference, tag));
}

/** One image on its way in. */
class Pull {
  readonly #parts: PullParts;
  readonly #repository: RepositoryClient;
  readonly #reference: Reference;
  readonly #platform: Platform | undefined;
  readonly #report: Report;
  readonly #signal: AbortSignal;
  /** Whether bytes were gone on with that an earlier pull left. */
  #tookUp = false;
  /** What is said below the outcome, as Docker does. */
  readonly warnings: string[] = [];

  constructor(
    parts: PullParts,
    repository: RepositoryClient,
    reference: Reference,
    platform: Platform | undefined,
    report: Report,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#repository = repository;
    this.#reference = reference;
    this.#platform = platform;
    this.#report = report;
    this.#signal = signal;
  }

  async run(): Promise<"new" | "known"> {
    const asked = this.#reference.digest ?? this.#reference.tag ?? "latest";
    const top = await this.#repository.manifest(asked, this.#signal);
    this.#report({ status: `Pulling from ${this.#reference.path}`, id: asked });
    const manifest = await this.#chooseManifest(top);
    const known = this.#localImage(manifest);
    if (known !== undefined) return this.#record(known, manifest, top.digest);
    const config = await this.#fetchConfig(manifest);
    const stack = stackOf(config.config);
    if (stack.length !== manifest.layers.length) throw layerCountMismatch(manifest.layers.length, stack.length);
    using lease = this.#parts.layers.lease(stack);
    try {
      await this.#fetchLayers(manifest, stack);
      crashPoint("image-pull:layers-ready");
      return this.#record(config, manifest, top.digest);
    } catch (error) {
      lease[Symbol.dispose]();
      // Layers that arrived serve the next try, unless there will be none.
      if (isKind(error, "invalid")) await this.#parts.layers.collect();
      throw error;
    }
  }

  async #chooseManifest(top: { bytes: Uint8Array; mediaType: string }): Promise<Manifest> {
    const document = parseManifest("manifest", top.bytes, top.mediaType);
    if (document.kind === "manifest") return document.manifest;
    const platform = this.#platform ?? hostPlatform();
    const entry = bestEntry(document.index.manifests.filter(isImageEntry), platform);
    if (entry === undefined) throw noMatchingPlatform(formatPlatform(platform));
    const answer = await this.#repository.manifest(digestOf(entry), this.#signal);
    const chosen = parseManifest("manifest", answer.bytes, answer.mediaType);
    if (chosen.kind === "index") throw noMatchingPlatform(formatPlatform(platform));
    return chosen.manifest;
  }

  /** The image, when it is here whole: then nothing is fetched. */
  #localImage({ config }: Manifest): StoredConfig | undefined {
    const image = this.#parts.catalog.image(digestOf(config));
    const whole = image !== undefined && stackOf(image.config).every(({ chainId }) => this.#parts.layers.has(chainId));
    return whole ? image : undefined;
  }

  async #fetchConfig({ config }: Manifest): Promise<StoredConfig> {
    if (!isImageConfigType(config.mediaType)) throw unsupportedConfig(config.mediaType);
    const expected = { digest: digestOf(config), size: config.size };
    return parseConfig(await fetchDocument(this.#repository, expected, MAX_DOCUMENT, this.#signal));
  }

  async #fetchLayers(manifest: Manifest, stack: readonly StackedLayer[]): Promise<void> {
    try {
      await this.#fetchOnce(manifest, stack);
    } catch (error) {
      if (!this.#tookUp || !isKind(error, "invalid")) throw error;
      // What was left may have been another registry's, which lied: it is gone now, and this one is not to blame
      await this.#fetchOnce(manifest, stack);
    }
  }

  async #fetchOnce(manifest: Manifest, stack: readonly StackedLayer[]): Promise<void> {
    await using writers = new AsyncDisposableStack();
    const requests: LayerRequest[] = [];
    for (const at of stack) {
      const layer = manifest.layers[at.position];
      if (layer !== undefined) requests.push(this.#layerRequest(layer, at, writers));
    }
    await this.#parts.layers.ensureStack(requests, this.#signal);
  }

  #layerRequest(layer: Descriptor, at: StackedLayer, writers: AsyncDisposableStack): LayerRequest {
    const { content, catalog } = this.#parts;
    const report = this.#report;
    const blob = { digest: digestOf(layer), size: layer.size };
    const id = layerLabel(blob.digest);
    const say = (status: string): void => report({ status, progressDetail: {}, id });
    const extracted = byteProgress(report, id, "Extracting", blob.size);
    let writer: ResumableWriter | undefined;
    let state: "fetching" | "fetched" | "checking" = "fetching";
    if (!this.#parts.layers.has(at.chainId)) say("Pulling fs layer");
    return {
      ...at,
      open: async (signal) => {
        if ((await content.sizeOf(blob.digest)) === blob.size) return { file: content.pathOf(blob.digest) };
        writer = writers.use(await content.resume(blob));
        this.#tookUp ||= writer.offset > 0;
        // Another image's pull may have brought it while this one waited.
        if ((await content.sizeOf(blob.digest)) === blob.size) return { file: content.pathOf(blob.digest) };
        return this.#stream(blob, id, writer, signal, () => {
          state = "fetched";
          say("Verifying Checksum");
          say("Download complete");
        });
      },
      onProgress: (bytes) => {
        if (state !== "fetching" || writer === undefined) extracted(bytes);
      },
      resumable: true,
      keep: async (result) => {
        state = "checking";
        if ((await content.sizeOf(blob.digest)) !== blob.size) await writer?.commit(result.digest, { durable: false });
        await writer?.[Symbol.asyncDispose]();
        const known = catalog.blobOf(at.diffId);
        if (known !== undefined && (await content.sizeOf(known.digest)) !== undefined) return known;
        return { ...blob, tarSize: result.size, mediaType: await mediaTypeOf(content.pathOf(blob.digest)) };
      },
      failed: async (error) => {
        // Bytes that cannot be unpacked are not worth to be gone on with; the digest tells whose fault it is.
        if (writer === undefined || state === "checking" || !isKind(error, "invalid")) return undefined;
        if (writer.offset === blob.size) {
          await writer.commit();
          return blob.digest;
        }
        await writer.restart();
        return undefined;
      },
      onPresent: () => say("Already exists"),
      onAdded: () => {
        extracted(blob.size);
        say("Pull complete");
      },
    };
  }

  async *#stream(
    blob: { digest: Digest; size: number },
    label: string,
    writer: ResumableWriter,
    signal: AbortSignal,
    done: () => void,
  ): AsyncGenerator<Uint8Array> {
    const report = this.#report;
    const count = byteProgress(report, label, "Downloading", blob.size);
    const { delay } = this.#parts;
    const tries = this.#parts.limits().downloadTries;
    yield* download({ repository: this.#repository, ...blob, writer, label, report, count, delay, tries, signal });
    done();
  }

  /** Whoever asked for a platform gets what there is, and is told. */
  #warnOfPlatform({ config }: StoredConfig): void {
    const wanted = this.#platform;
    if (wanted === undefined || config.architecture === "" || platformRank(wanted, config) > 0) return;
    const name = familiarReference(this.#reference);
    const [found, asked] = [formatPlatform(config), formatPlatform(wanted)];
    this.warnings.push(
      `WARNING: image with reference ${name} was found but its platform (${found}) does not match the specified platform (${asked})`,
    );
  }

  #record(config: StoredConfig, manifest: Manifest, digest: Digest): "new" | "known" {
    const { catalog, events } = this.#parts;
    const reference = this.#reference;
    const byDigest = withDigest(reference, digest);
    const names = reference.digest === undefined ? [byDigest, reference] : [byDigest];
    const isNew = catalog.transaction(() => {
      const before = names.map((name) => catalog.lookup(name));
      catalog.addImage(config, undefined);
      for (const name of names) catalog.setReference(name, config.id);
      for (const layer of manifest.layers) catalog.addSource(digestOf(layer), fullName(reference));
      return before.at(-1) !== config.id;
    });
    this.#report({ status: `Digest: ${digest}` });
    this.#warnOfPlatform(config);
    events.publish("pull", config.id, { name: familiarName(reference), actor: familiarReference(reference) });
    return isNew ? "new" : "known";
  }
}
