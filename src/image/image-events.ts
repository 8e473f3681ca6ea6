import type { Digest } from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import type { Catalog } from "./catalog.ts";

export type ImageAction = "create" | "delete" | "import" | "load" | "pull" | "push" | "save" | "tag" | "untag";

/** Announces what happens to images, with Docker's attributes: `name`, and the image's labels. */
export class ImageEvents {
  readonly #bus: EventBus;
  readonly #catalog: Catalog;

  constructor(bus: EventBus, catalog: Catalog) {
    this.#bus = bus;
    this.#catalog = catalog;
  }

  /**
   * @param options.name what was named: a reference, or the id (the default).
   * @param options.actor the event's own id: pull and push name the reference there.
   * @param options.labels of an image that is gone from the catalog by now.
   */
  publish(
    action: ImageAction,
    id: Digest,
    options: { name?: string; actor?: string; labels?: Record<string, string> } = {},
  ): void {
    const attributes = { ...(options.labels ?? this.labelsOf(id)), name: options.name ?? id };
    this.#bus.publish({ type: "image", action, id: options.actor ?? id, attributes });
  }

  /** What was reclaimed by a prune. */
  pruned(bytes: number): void {
    this.#bus.publish({ type: "image", action: "prune", id: "", attributes: { reclaimed: String(bytes) } });
  }

  labelsOf(id: Digest): Record<string, string> {
    return this.#catalog.image(id)?.config.config?.Labels ?? {};
  }
}
