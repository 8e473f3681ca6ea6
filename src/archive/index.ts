export { createArchiver } from "./archiver.ts";
export { type Compression, decompress, detectCompression } from "./compression.ts";
export { sourceIsFile } from "./errors.ts";
export { emptyEntry, paddingOf, type TarEntry } from "./tar-format.ts";
export { TarReader, type TarSink } from "./tar-reader.ts";
export { formatHeader, TRAILER } from "./tar-writer.ts";
export { Trash } from "./trash.ts";
export type * from "./types.ts";
