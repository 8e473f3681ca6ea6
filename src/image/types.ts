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
  /** Removes layers that nothing needs: after a container of a removed image is gone. */
  collect(): Promise<void>;
}

export interface NewImage {
  /** Its `rootfs` is replaced by the layers that the image gets; `history` is taken as it is. */
  config: ImageConfig;
  /** The new image has its layers, and shows it as parent. */
  parent: Digest | undefined;
  /** A layer tar to add on top: stored and unpacked. One without entries adds none. */
  layer: AsyncIterable<Uint8Array> | undefined;
  reference: string | undefined;
}

/** Who uses images: answered by the container layer, asked by `rmi` and `prune`. */
export interface ImageUsers {
  usersOf(id: Digest): Array<{ containerId: string; name: string; running: boolean }>;
}

export interface ImageService extends ImageStore, ImagesBackend {
  /** Boot, before anything else: removes what was half made or half removed when the process was killed. */
  sweep(): Promise<void>;
}
