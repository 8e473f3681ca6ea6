import type { ImagesBackend } from "../api/index.ts";
import type { Digest } from "../base/index.ts";
import type { ImageConfig } from "../spec/index.ts";

/** An image that can be run, as the container layer sees it. */
export interface Image {
  /** The config's digest: what Docker shows as the image id. */
  id: Digest;
  /** Chain id of the top layer: the parent snapshot of a container; undefined for an image without layers. */
  topChainId: Digest | undefined;
  config: ImageConfig;
  /** Names that point at it now, familiar form (`busybox:local`). */
  references: string[];
}

/** What other layers need of images. */
export interface ImageStore {
  /** By reference, id or prefix. @throws not-found `No such image: NAME`. */
  resolve(name: string): Promise<Image>;
  get(id: Digest): Promise<Image | undefined>;
  /** Makes an image from a config and committed layers (commit, import, build). */
  create(request: NewImage): Promise<Image>;
  /** Keeps the image and its layers while held (a container counts by itself through `ImageUsers`). */
  hold(id: Digest): Disposable;
}

export interface NewImage {
  config: ImageConfig;
  /** Uncompressed layer tars added on top of `parent`'s layers; each is stored and unpacked. */
  parent: Digest | undefined;
  layer: AsyncIterable<Uint8Array> | undefined;
  reference: string | undefined;
}

/** Who uses images: answered by the container layer, asked by `rmi` and `prune`. */
export interface ImageUsers {
  usersOf(id: Digest): Array<{ containerId: string; name: string; running: boolean }>;
}

export interface ImageService extends ImageStore, ImagesBackend {}
