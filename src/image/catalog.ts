import { isDigest, parseDigest, type Digest } from "../base/index.ts";
import type { Row, Store } from "../store/index.ts";
import { fullName, fullReference, parseReference, type Reference } from "../spec/index.ts";
import { stackOf } from "./chain.ts";
import { parseConfig, type StoredConfig } from "./config.ts";
import { MIGRATIONS } from "./migrations.ts";

export interface ImageRow extends StoredConfig {
  chainId: Digest | undefined;
  size: number;
  parent: Digest | undefined;
  /** RFC 3339, or undefined when it never got a name by `tag` or a build. */
  taggedAt: string | undefined;
}

export interface LayerRow {
  chainId: Digest;
  diffId: Digest;
  parent: Digest | undefined;
  size: number;
}

export interface LayerBlob {
  diffId: Digest;
  digest: Digest;
  size: number;
  /** Of the uncompressed tar. */
  tarSize: number;
  mediaType: string;
}

/** The image rows: what is known of images, names and layers. Holds no policy and does no I/O but SQLite's. */
export class Catalog {
  readonly #store: Store;
  /** Images never change once made; only their names and their `taggedAt` do. */
  readonly #parsed = new Map<Digest, StoredConfig>();

  constructor(store: Store) {
    this.#store = store;
    store.migrate("image", MIGRATIONS);
  }

  transaction<T>(work: () => T, options?: { durable: boolean }): T {
    return this.#store.transaction(work, options);
  }

  // Images

  image(id: Digest): ImageRow | undefined {
    // The configuration, which is most of the row, is read once.
    const columns = this.#parsed.has(id) ? "id, chain_id, size, parent, tagged_at" : "*";
    const row = this.#store.prepare(`SELECT ${columns} FROM images WHERE id = ?`).get(id);
    return row === undefined ? undefined : this.#toImage(row);
  }

  images(): ImageRow[] {
    return this.#store
      .prepare("SELECT * FROM images")
      .all()
      .map((row) => this.#toImage(row));
  }

  /** Ids that start with these hex digits, two at most. */
  idsByPrefix(hex: string): Digest[] {
    const rows = this.#store
      .prepare("SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 2")
      .all(`sha256:${hex}`, `sha256:${hex}g`);
    return rows.map((row) => digest(row["id"]));
  }

  children(id: Digest): Digest[] {
    return this.#store
      .prepare("SELECT id FROM images WHERE parent = ?")
      .all(id)
      .map((row) => digest(row["id"]));
  }

  /** Inserts the image with its layers, which must be there; an image that is there already stays as it is. */
  addImage(image: StoredConfig, parent: Digest | undefined): void {
    const stack = stackOf(image.config);
    const size = stack.reduce((sum, { chainId }) => sum + (this.layer(chainId)?.size ?? 0), 0);
    const { changes } = this.#store
      .prepare("INSERT INTO images (id, config, chain_id, size, parent) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .run(image.id, image.bytes, stack.at(-1)?.chainId ?? null, size, parent ?? null);
    if (changes === 0) return;
    const link = this.#store.prepare("INSERT INTO image_layers (image_id, position, chain_id) VALUES (?, ?, ?)");
    for (const { position, chainId } of stack) link.run(image.id, position, chainId);
  }

  /** Removes the image and its names; its children become parentless. */
  deleteImage(id: Digest): void {
    this.#store.prepare("DELETE FROM image_references WHERE image_id = ?").run(id);
    this.#store.prepare("DELETE FROM image_layers WHERE image_id = ?").run(id);
    this.#store.prepare("UPDATE images SET parent = NULL WHERE parent = ?").run(id);
    this.#store.prepare("DELETE FROM images WHERE id = ?").run(id);
    this.#parsed.delete(id);
  }

  markTagged(id: Digest, at: string): void {
    this.#store.prepare("UPDATE images SET tagged_at = ? WHERE id = ?").run(at, id);
  }

  // References

  lookup(reference: Reference): Digest | undefined {
    const row = this.#store
      .prepare("SELECT image_id FROM image_references WHERE name = ?")
      .get(fullReference(reference));
    return row === undefined ? undefined : digest(row["image_id"]);
  }

  /** All names of an image, sorted. */
  referencesOf(id: Digest): Reference[] {
    return this.#store
      .prepare("SELECT name FROM image_references WHERE image_id = ? ORDER BY name")
      .all(id)
      .map((row) => parseReference(text(row["name"])));
  }

  /** All names with what they point at, sorted. */
  references(): Array<{ reference: Reference; id: Digest }> {
    return this.#store
      .prepare("SELECT name, image_id FROM image_references ORDER BY name")
      .all()
      .map((row) => ({ reference: parseReference(text(row["name"])), id: digest(row["image_id"]) }));
  }

  /** Points the name at the image, away from another one if need be. */
  setReference(reference: Reference, id: Digest): void {
    this.#store
      .prepare(
        "INSERT INTO image_references (name, repository, image_id) VALUES (?, ?, ?) " +
          "ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id",
      )
      .run(fullReference(reference), fullName(reference), id);
  }

  deleteReference(reference: Reference): void {
    this.#store.prepare("DELETE FROM image_references WHERE name = ?").run(fullReference(reference));
  }

  // Layers

  layer(chainId: Digest): LayerRow | undefined {
    const row = this.#store.prepare("SELECT * FROM layers WHERE chain_id = ?").get(chainId);
    return row === undefined ? undefined : toLayer(row);
  }

  /** The layers of an image, bottom first. */
  layersOf(id: Digest): LayerRow[] {
    return this.#store
      .prepare(
        "SELECT layers.* FROM image_layers JOIN layers USING (chain_id) WHERE image_id = ? ORDER BY image_layers.position",
      )
      .all(id)
      .map(toLayer);
  }

  /** The layers that were unpacked from a tar of that digest, over whatever parents. */
  layersOfTar(diffId: Digest): LayerRow[] {
    return this.#store.prepare("SELECT * FROM layers WHERE diff_id = ?").all(diffId).map(toLayer);
  }

  /** The images that are made of a layer, among others. */
  imagesOn(chainId: Digest): Digest[] {
    return this.#store
      .prepare("SELECT DISTINCT image_id FROM image_layers WHERE chain_id = ?")
      .all(chainId)
      .map((row) => digest(row["image_id"]));
  }

  layers(): LayerRow[] {
    return this.#store.prepare("SELECT * FROM layers").all().map(toLayer);
  }

  addLayer(layer: LayerRow, blob: LayerBlob | undefined): void {
    this.#store
      .prepare("INSERT INTO layers (chain_id, diff_id, parent, size) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .run(layer.chainId, layer.diffId, layer.parent ?? null, layer.size);
    if (blob !== undefined && this.blobOf(layer.diffId) === undefined) this.setBlob(blob);
  }

  /** Layers that no image is made of, tops before what they stand on. */
  unusedLayers(): LayerRow[] {
    const unused = this.#store
      .prepare("SELECT * FROM layers WHERE chain_id NOT IN (SELECT chain_id FROM image_layers)")
      .all()
      .map(toLayer);
    return topsFirst(unused);
  }

  /** How many images are made of each layer. */
  layerUses(): Map<Digest, number> {
    const rows = this.#store.prepare("SELECT chain_id, count(*) AS uses FROM image_layers GROUP BY chain_id").all();
    return new Map(rows.map((row) => [digest(row["chain_id"]), Number(row["uses"])]));
  }

  deleteLayer(chainId: Digest): void {
    this.#store.prepare("DELETE FROM layers WHERE chain_id = ?").run(chainId);
  }

  // Layers whose files may not be on the disk yet

  setUnsettled(chainId: Digest, boot: string): void {
    this.#store.prepare("INSERT OR REPLACE INTO unsettled_layers (chain_id, boot) VALUES (?, ?)").run(chainId, boot);
  }

  /** Not synced: when it is lost, a boot takes more pains than it must. */
  setSettled(chainId: Digest): void {
    this.transaction(() => this.#store.prepare("DELETE FROM unsettled_layers WHERE chain_id = ?").run(chainId), {
      durable: false,
    });
  }

  /** The boot in which an unsettled layer was made. */
  unsettledSince(chainId: Digest): string | undefined {
    const row = this.#store.prepare("SELECT boot FROM unsettled_layers WHERE chain_id = ?").get(chainId);
    return row === undefined ? undefined : text(row["boot"]);
  }

  /** Parents before what stands on them. */
  unsettledLayers(): Array<LayerRow & { boot: string }> {
    const rows = this.#store.prepare("SELECT * FROM unsettled_layers JOIN layers USING (chain_id)").all();
    return topsFirst(rows.map((row) => ({ ...toLayer(row), boot: text(row["boot"]) }))).reverse();
  }

  // Blobs of layers

  blobOf(diffId: string): LayerBlob | undefined {
    const row = this.#store.prepare("SELECT * FROM layer_blobs WHERE diff_id = ?").get(diffId);
    return row === undefined ? undefined : toBlob(row);
  }

  setBlob(blob: LayerBlob): void {
    this.#store
      .prepare(
        "INSERT INTO layer_blobs (diff_id, digest, size, tar_size, media_type) VALUES (?, ?, ?, ?, ?) ON CONFLICT (diff_id) " +
          "DO UPDATE SET digest = excluded.digest, size = excluded.size, media_type = excluded.media_type",
      )
      .run(blob.diffId, blob.digest, blob.size, blob.tarSize, blob.mediaType);
  }

  isBlobUsed(blob: Digest): boolean {
    return this.#store.prepare("SELECT 1 AS used FROM layer_blobs WHERE digest = ?").get(blob) !== undefined;
  }

  /** Removes the rows of blobs whose layers are all gone, and tells which blobs they were. */
  dropUnusedBlobs(): Digest[] {
    const unused = this.#store
      .prepare("SELECT digest FROM layer_blobs WHERE diff_id NOT IN (SELECT diff_id FROM layers)")
      .all()
      .map((row) => digest(row["digest"]));
    if (unused.length === 0) return [];
    this.#store.prepare("DELETE FROM layer_blobs WHERE diff_id NOT IN (SELECT diff_id FROM layers)").run();
    this.#store.prepare("DELETE FROM layer_sources WHERE digest NOT IN (SELECT digest FROM layer_blobs)").run();
    return unused.filter((blob) => !this.isBlobUsed(blob));
  }

  addSource(blob: Digest, repository: string): void {
    this.#store
      .prepare("INSERT INTO layer_sources (digest, repository) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .run(blob, repository);
  }

  /** Repositories (full names) that were seen to hold the blob. */
  sourcesOf(blob: Digest): string[] {
    return this.#store
      .prepare("SELECT repository FROM layer_sources WHERE digest = ? ORDER BY repository")
      .all(blob)
      .map((row) => text(row["repository"]));
  }

  #toImage(row: Row): ImageRow {
    const id = digest(row["id"]);
    return {
      ...this.#configOf(id, row),
      chainId: optionalDigest(row["chain_id"]),
      size: Number(row["size"]),
      parent: optionalDigest(row["parent"]),
      taggedAt: row["tagged_at"] === null ? undefined : text(row["tagged_at"]),
    };
  }

  #configOf(id: Digest, row: Row): StoredConfig {
    const known = this.#parsed.get(id);
    if (known !== undefined) return known;
    const bytes = row["config"];
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`images.config of ${id} is not a blob`);
    const parsed = parseConfig(bytes);
    this.#parsed.set(id, parsed);
    return parsed;
  }
}

function topsFirst<T extends LayerRow>(layers: T[]): T[] {
  const byId = new Map(layers.map((layer) => [layer.chainId, layer]));
  const depth = (layer: T): number => {
    let count = 0;
    for (let below = layer.parent; below !== undefined; below = byId.get(below)?.parent) count++;
    return count;
  };
  return layers
    .map((layer) => ({ layer, depth: depth(layer) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ layer }) => layer);
}

function toLayer(row: Row): LayerRow {
  return {
    chainId: digest(row["chain_id"]),
    diffId: digest(row["diff_id"]),
    parent: optionalDigest(row["parent"]),
    size: Number(row["size"]),
  };
}

function toBlob(row: Row): LayerBlob {
  return {
    diffId: digest(row["diff_id"]),
    digest: digest(row["digest"]),
    size: Number(row["size"]),
    tarSize: Number(row["tar_size"]),
    mediaType: text(row["media_type"]),
  };
}

function text(value: Row[string] | undefined): string {
  return typeof value === "string" ? value : String(value);
}

function digest(value: Row[string] | undefined): Digest {
  return parseDigest(text(value));
}

function optionalDigest(value: Row[string] | undefined): Digest | undefined {
  return typeof value === "string" && isDigest(value) ? value : undefined;
}
