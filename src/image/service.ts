import type { Archiver } from "../archive/index.ts";
import type { Digest, Logger } from "../base/index.ts";
import { Leases, type ContentStore } from "../content/index.ts";
import type { EventBus } from "../events/index.ts";
import { createEngineMetrics, type EngineMetrics } from "../metrics/index.ts";
import type { RegistryClient } from "../registry/index.ts";
import type { Snapshotter } from "../snapshot/index.ts";
import type { Store } from "../store/index.ts";
import { Catalog, type ImageRow } from "./catalog.ts";
import { createImage } from "./create.ts";
import { inspectDistribution } from "./distribution.ts";
import { searchImages } from "./search.ts";
import { dockerDelay, type RetryDelay } from "./download.ts";
import { ImageEvents } from "./image-events.ts";
import { prepareImport } from "./import.ts";
import { historyOf, inspectImage, splitNames } from "./inspect.ts";
import { LayerStore } from "./layer-store.ts";
import { listImages, pruneImages } from "./list.ts";
import { loadArchive } from "./load.ts";
import { parseNewName, pullTarget, pushTarget, tagImage } from "./names.ts";
import { progressStream } from "./progress.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { removeImage, type RemoveParts } from "./remove.ts";
import { resolveImage } from "./resolve.ts";
import { planSave } from "./save.ts";
import { LayerSettling, type SettlingParts } from "./settling.ts";
import { DOCKER_LIMITS, type TransferLimits } from "./transfer-limits.ts";
import type { Image, ImageService, ImageUsers } from "./types.ts";

export interface ImageServiceOptions extends Pick<SettlingParts, "boot" | "settleAfterMs"> {
  store: Store;
  content: ContentStore;
  snapshotter: Snapshotter;
  archive: Archiver;
  events: EventBus;
  users: ImageUsers;
  registry: RegistryClient;
  /** Asked for each transfer; Docker's defaults when absent. */
  limits?: () => TransferLimits;
  /** Milliseconds before a download's next try; Docker's by default. */
  retryDelay?: RetryDelay;
  metrics?: EngineMetrics;
  logger: Logger;
}

/** Makes the image service; registers its tables in the store. Call `sweep` once, at boot, before anything else. */
export function createImageService(options: ImageServiceOptions): ImageService {
  const { content, snapshotter, archive, users, registry, logger } = options;
  const { imageActions } = options.metrics ?? createEngineMetrics();
  const limits = options.limits ?? (() => DOCKER_LIMITS);
  const catalog = new Catalog(options.store);
  const events = new ImageEvents(options.events, catalog);
  const { boot, settleAfterMs } = options;
  const settling = new LayerSettling({ catalog, content, snapshotter, archive, logger, boot, settleAfterMs });
  const layers = new LayerStore({ catalog, content, snapshotter, archive, settling, limits, logger });
  const held = new Leases();
  const removal: RemoveParts = { catalog, layers, users, events, isHeld: (id) => held.has(id) };
  const toImage = (row: ImageRow): Image => ({
    id: row.id,
    topChainId: row.chainId,
    config: row.config,
    references: splitNames(catalog.referencesOf(row.id)).tags,
  });

  return {
    async resolve(name) {
      return toImage(resolveImage(catalog, name));
    },
    async get(id) {
      const row = catalog.image(id);
      return row === undefined ? undefined : toImage(row);
    },
    async create(request) {
      const name = request.reference === undefined ? undefined : parseNewName(request.reference, undefined);
      const stored = await createImage({ catalog, layers, content }, request, new AbortController().signal);
      events.publish("create", stored.id);
      if (name !== undefined) tagImage(catalog, events, stored.id, name);
      return toImage(resolveImage(catalog, stored.id));
    },
    hold: (id) => held.hold(id),

    async list(query) {
      return listImages(catalog, users, query);
    },
    async inspect(name) {
      return inspectImage(catalog, snapshotter, resolveImage(catalog, name));
    },
    async history(name) {
      return historyOf(catalog, resolveImage(catalog, name));
    },
    async tag(name, target) {
      const reference = parseNewName(target.repo, target.tag);
      tagImage(catalog, events, resolveImage(catalog, name).id, reference);
    },
    remove: (name, query) => removeImage(removal, name, query),
    prune: (filters) => pruneImages(removal, filters),
    async load(body, query, call) {
      const parts = { catalog, layers, content, archive, events };
      return progressStream((report, signal) => loadArchive(parts, body, query, report, signal), {
        signal: call.signal,
        errorsAsMessages: true,
      });
    },
    async save(names, query) {
      const plan = planSave(catalog, layers, names, query.platforms);
      return heldStream(plan, held, (id) => events.publish("save", id));
    },
    async import(body, query, call) {
      const run = prepareImport({ catalog, layers, content, events }, query);
      return progressStream((report, signal) => run(body, report, signal), { signal: call.signal });
    },
    async pull(target, query, call) {
      const reference = pullTarget(target.repo, target.tag);
      const delay = options.retryDelay ?? dockerDelay;
      const parts = { catalog, layers, content, archive, events, registry, delay, limits };
      return progressStream(
        (report, signal) => imageActions.time("pull", () => pull(parts, reference, query, report, signal)),
        call,
      );
    },
    async push(name, query, call) {
      const reference = pushTarget(name, query.tag);
      const parts = { catalog, layers, content, events, registry, limits };
      return progressStream(
        (report, signal) => imageActions.time("push", () => push(parts, reference, query.auth, report, signal)),
        call,
      );
    },
    async search(query, auth, call) {
      return await searchImages(registry, query, auth, call.signal);
    },
    async distribution(name, auth, call) {
      return await inspectDistribution(registry, name, auth, call.signal);
    },
    async sweep() {
      await layers.sweep();
      await content.sweep((digest) => catalog.isBlobUsed(digest));
    },
    collect: async () => {
      await layers.collect();
    },
  };
}

/** The images cannot be removed while they are read. */
async function* heldStream(
  plan: { ids: readonly Digest[]; stream: () => AsyncIterable<Uint8Array> },
  held: Leases,
  done: (id: Digest) => void,
): AsyncGenerator<Uint8Array> {
  using leases = new DisposableStack();
  for (const id of plan.ids) leases.use(held.hold(id));
  yield* plan.stream();
  for (const id of plan.ids) done(id);
}
