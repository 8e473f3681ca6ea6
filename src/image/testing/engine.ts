import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallContext, ProgressMessage } from "../../api/index.ts";
import { createArchiver } from "../../archive/index.ts";
import { messageOf, silentLogger, type Logger } from "../../base/index.ts";
import { openContentStore, type ContentStore } from "../../content/index.ts";
import type { EventBus } from "../../events/index.ts";
import { createRegistryClient, type RegistryConfig } from "../../registry/index.ts";
import { createSnapshotter, type Snapshotter } from "../../snapshot/index.ts";
import { createStore, type Store } from "../../store/index.ts";
import { loadNative } from "../../sys/index.ts";
import { createImageService } from "../service.ts";
import type { ImageService, ImageUsers } from "../types.ts";

/** An image service for tests: real store, content, archive and snapshots in a folder of its own. */
export interface TestEngine extends AsyncDisposable {
  root: string;
  images: ImageService;
  store: Store;
  content: ContentStore;
  snapshots: Snapshotter;
  /** `action name` of each event, in order. */
  events: string[];
  /** Containers by image id. */
  users: Map<string, ReturnType<ImageUsers["usersOf"]>>;
  /** What stands on disk or in snapshots and belongs to no layer's row. */
  leftovers(): string[];
}

export async function testEngine(
  options: {
    root?: string;
    registry?: Partial<RegistryConfig>;
    driver?: Snapshotter["driver"];
    keep?: boolean;
    boot?: string;
    settleAfterMs?: number;
    logger?: Logger;
  } = {},
): Promise<TestEngine> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "berth-image-"));
  const store = createStore({ path: join(root, "state.db"), logger: silentLogger });
  const archive = createArchiver();
  const native = loadNative();
  const content = await openContentStore({ root: join(root, "content"), native, logger: silentLogger });
  const { driver } = options;
  const snapshots = await createSnapshotter({ root, store, archiver: archive, native, driver, logger: silentLogger });
  const events: string[] = [];
  const users: TestEngine["users"] = new Map();
  const bus: EventBus = {
    subscribers: 0,
    publish: ({ action, attributes }) => void events.push(`${action} ${attributes["name"] ?? ""}`),
    subscribe: () => {
      throw new Error("not subscribed to in these tests");
    },
  };
  const images = createImageService({
    store,
    content,
    snapshotter: snapshots,
    archive,
    events: bus,
    users: { usersOf: (id) => users.get(id) ?? [] },
    registry: createRegistryClient({ insecure: [], mirrors: [], ...options.registry }),
    retryDelay: () => 0,
    logger: options.logger ?? silentLogger,
    boot: options.boot,
    settleAfterMs: options.settleAfterMs,
  });
  return {
    root,
    images,
    store,
    content,
    snapshots,
    events,
    users,
    leftovers: () => leftovers(root, store, snapshots),
    async [Symbol.asyncDispose]() {
      await snapshots[Symbol.asyncDispose]();
      await archive[Symbol.asyncDispose]();
      store[Symbol.dispose]();
      if (options.keep !== true) rmSync(root, { recursive: true, force: true });
    },
  };
}

function leftovers(root: string, store: Store, snapshots: Snapshotter): string[] {
  const column = (sql: string): Set<string> =>
    new Set(
      store
        .prepare(sql)
        .all()
        .map((row) => String(row["name"])),
    );
  const layers = column("SELECT chain_id AS name FROM layers");
  const blobs = column("SELECT digest AS name FROM layer_blobs");
  const files = (folder: string): string[] => readdirSync(join(root, "content", folder));
  return [
    ...snapshots
      .list()
      .flatMap(({ key, kind }) => (kind === "committed" && layers.has(key) ? [] : [`snapshot ${key}`])),
    ...files("blobs/sha256").flatMap((name) => (blobs.has(`sha256:${name}`) ? [] : [`blob ${name}`])),
    ...files("partial").map((name) => `partial ${name}`),
    ...files("scratch").map((name) => `scratch ${name}`),
  ];
}

export const call: CallContext = { signal: new AbortController().signal, apiVersion: [1, 47] };

export async function collect<T>(source: AsyncIterable<T> | Promise<AsyncIterable<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of await source) items.push(item);
  return items;
}

/** What `docker load` would print; the error, if there was one. */
export function lines(messages: readonly ProgressMessage[]): string[] {
  return messages.flatMap((message) => message.error ?? message.stream?.trimEnd() ?? message.status ?? []);
}

export async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "no error",
    (error: unknown) => messageOf(error),
  );
}
