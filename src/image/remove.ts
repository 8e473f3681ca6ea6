import type { ImageDeleteResponseItem } from "../api/index.ts";
import { isKind, shortId, type Digest } from "../base/index.ts";
import { familiarReference, fullName, parseReference, withDefaultTag, type Reference } from "../spec/index.ts";
import type { Catalog, ImageRow } from "./catalog.ts";
import { deleteConflict, referenceInUse } from "./errors.ts";
import type { ImageEvents } from "./image-events.ts";
import type { LayerStore } from "./layer-store.ts";
import { isIdPrefix, resolveImage } from "./resolve.ts";
import type { ImageUsers } from "./types.ts";

export interface RemoveParts {
  catalog: Catalog;
  layers: LayerStore;
  users: ImageUsers;
  events: ImageEvents;
  /** Held by work in progress (a container being created, a save). */
  isHeld(id: Digest): boolean;
}

/**
 * `docker rmi`: a name is untagged; the image goes with its last name. An id removes the image with its only name.
 * What stands in the way is told as Docker does: soft conflicts give way to `force`, hard ones do not.
 * @throws conflict, not-found.
 */
export async function removeImage(
  parts: RemoveParts,
  name: string,
  options: { force: boolean; noprune: boolean },
): Promise<ImageDeleteResponseItem[]> {
  const image = resolveImage(parts.catalog, name);
  const removal = new Removal(parts, options);
  const records = parts.catalog.transaction(() =>
    isIdPrefix(image.id, name) ? removal.byId(image) : removal.byReference(image, name),
  );
  removal.announce();
  if (!removal.deletedAny) return records;
  const layers = await parts.layers.collect();
  return [...records, ...layers.map((layer) => ({ Deleted: layer }))];
}

type Conflict = { hard: boolean; used: boolean; why: string };

/** One call's decisions, within one transaction; events and layers come after it. */
class Removal {
  readonly #parts: RemoveParts;
  readonly #force: boolean;
  readonly #pruneParents: boolean;
  readonly #records: ImageDeleteResponseItem[] = [];
  readonly #events: Array<() => void> = [];
  deletedAny = false;

  constructor(parts: RemoveParts, options: { force: boolean; noprune: boolean }) {
    this.#parts = parts;
    this.#force = options.force;
    this.#pruneParents = !options.noprune;
  }

  announce(): void {
    for (const publish of this.#events) publish();
  }

  byReference(image: ImageRow, name: string): ImageDeleteResponseItem[] {
    const { catalog, users } = this.#parts;
    const names = catalog.referencesOf(image.id);
    if (!this.#force && isSingleReference(names)) {
      const user = users.usersOf(image.id)[0];
      // Untagging would leave the container's image dangling: that has to be asked for.
      if (user !== undefined) throw referenceInUse(name, user.containerId, image.id);
    }
    const reference = withDefaultTag(parseReference(name));
    this.#untag(image.id, reference);
    // A repository without a tag left here loses its manifest digests too.
    const left = catalog.referencesOf(image.id).filter((other) => fullName(other) === fullName(reference));
    if (reference.digest === undefined && left.every((other) => other.digest !== undefined)) {
      for (const other of left) this.#untag(image.id, other);
    }
    if (catalog.referencesOf(image.id).length === 0) this.#delete(image, { force: this.#force, quiet: true });
    return this.#records;
  }

  byId(image: ImageRow): ImageDeleteResponseItem[] {
    const { catalog } = this.#parts;
    const names = catalog.referencesOf(image.id);
    if (isSingleReference(names)) {
      this.#throwConflict(image.id, this.#force ? ["hard"] : ["hard", "stopped"]);
      for (const reference of names) this.#untag(image.id, reference);
    }
    this.#delete(image, { force: this.#force, quiet: false });
    return this.#records;
  }

  #delete(image: ImageRow, options: { force: boolean; quiet: boolean }): void {
    const { catalog, events } = this.#parts;
    const conflict = this.#conflict(image.id, options.force ? ["hard"] : ["hard", "stopped", "names"]);
    if (conflict !== undefined) {
      const dangling = catalog.referencesOf(image.id).length === 0 && catalog.children(image.id).length === 0;
      // The name is gone already; the rest stays silently, unless nothing else shows that it stays.
      if (options.quiet && (!dangling || conflict.used)) return;
      throw deleteConflict(image.id, conflict.hard, conflict.why);
    }
    const labels = events.labelsOf(image.id);
    for (const reference of catalog.referencesOf(image.id)) this.#untag(image.id, reference);
    catalog.deleteImage(image.id);
    this.deletedAny = true;
    this.#events.push(() => events.publish("delete", image.id, { labels }));
    this.#records.push({ Deleted: image.id });
    const parent = image.parent === undefined ? undefined : catalog.image(image.parent);
    if (this.#pruneParents && parent !== undefined) this.#delete(parent, { force: false, quiet: true });
  }

  #untag(id: Digest, reference: Reference): void {
    const { catalog, events } = this.#parts;
    const labels = events.labelsOf(id);
    catalog.deleteReference(reference);
    this.#events.push(() => events.publish("untag", id, { labels }));
    this.#records.push({ Untagged: familiarReference(reference) });
  }

  #throwConflict(id: Digest, kinds: ReadonlyArray<"hard" | "stopped" | "names">): void {
    const conflict = this.#conflict(id, kinds);
    if (conflict !== undefined) throw deleteConflict(id, conflict.hard, conflict.why);
  }

  #conflict(id: Digest, kinds: ReadonlyArray<"hard" | "stopped" | "names">): Conflict | undefined {
    const { catalog, users } = this.#parts;
    if (catalog.children(id).length > 0) return { hard: true, used: false, why: "image has dependent child images" };
    const using = users.usersOf(id);
    const running = using.find((user) => user.running);
    if (running !== undefined) {
      const why = `image is being used by running container ${shortId(running.containerId)}`;
      return { hard: true, used: true, why };
    }
    if (this.#parts.isHeld(id))
      return { hard: true, used: true, why: "image is being used by an operation in progress" };
    if (kinds.includes("names") && catalog.referencesOf(id).length > 0) {
      return { hard: false, used: false, why: "image is referenced in multiple repositories" };
    }
    const stopped = using[0];
    if (kinds.includes("stopped") && stopped !== undefined) {
      const why = `image is being used by stopped container ${shortId(stopped.containerId)}`;
      return { hard: false, used: true, why };
    }
    return undefined;
  }
}

/** One tag at most, and no manifest digest outside of its repository. */
function isSingleReference(names: readonly Reference[]): boolean {
  if (names.length <= 1) return true;
  const tags = names.filter((name) => name.digest === undefined);
  if (tags.length > 1) return false;
  const repositories = new Set(names.filter((name) => name.digest !== undefined).map(fullName));
  const single = tags[0] ?? names[0];
  return repositories.size === 1 && single !== undefined && repositories.has(fullName(single));
}

/** Removes one image as `prune` does: without force; undefined when something stands in the way. */
export async function tryRemove(parts: RemoveParts, name: string): Promise<ImageDeleteResponseItem[] | undefined> {
  try {
    return await removeImage(parts, name, { force: false, noprune: false });
  } catch (error) {
    if (isKind(error, "conflict") || isKind(error, "not-found")) return undefined;
    throw error;
  }
}
