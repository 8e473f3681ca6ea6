import { parseDigest, sha256, type Digest } from "../base/index.ts";

/** A layer's place in an image. */
export interface StackedLayer {
  position: number;
  diffId: Digest;
  /** Names the stack up to and with this layer (image-spec config.md, "Layer ChainID"). */
  chainId: Digest;
  /** Chain id of what it stands on. */
  parent: Digest | undefined;
}

/** The layers of a config, bottom first. @throws invalid. */
export function stackOf(config: { rootfs: { diff_ids: readonly string[] } }): StackedLayer[] {
  const stack: StackedLayer[] = [];
  let parent: Digest | undefined;
  for (const [position, text] of config.rootfs.diff_ids.entries()) {
    const diffId = parseDigest(text);
    const chainId: Digest = parent === undefined ? diffId : sha256(`${parent} ${diffId}`);
    stack.push({ position, diffId, chainId, parent });
    parent = chainId;
  }
  return stack;
}
