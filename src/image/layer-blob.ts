import { open } from "node:fs/promises";
import { decompress, detectCompression, type Compression } from "../archive/index.ts";
import type { ContentStore } from "../content/index.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "../spec/index.ts";
import type { LayerBlob } from "./catalog.ts";

/** What the registry formats call a layer of each compression; the last two stay on this host. */
const MEDIA_TYPES: Record<Compression, string> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
  bzip2: `${OCI_LAYER}+bzip2`,
  xz: `${OCI_LAYER}+xz`,
};

/** A layer file's media type, by its first bytes. */
export async function mediaTypeOf(file: string): Promise<string> {
  await using handle = await open(file, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  return MEDIA_TYPES[detectCompression(buffer.subarray(0, bytesRead))];
}

/** The layer's tar, bit for bit the one that its diff id is of. */
export async function* plainTar(content: ContentStore, blob: LayerBlob): AsyncGenerator<Uint8Array> {
  const source = content.read(blob.digest);
  if (blob.digest === blob.diffId) yield* source;
  else yield* (await decompress(source)).bytes;
}
