/**
 * A layer's tar without the contents of its files, which the unpacked tree has: from both, the tar comes out again bit
 * for bit (`split-writer.ts`, `split-join.ts`).
 *
 *     file    = block*
 *     block   = length of the frame (u32), a zstd frame of at most BLOCK_SIZE bytes of records
 *     record  = RAW_RECORD, length (u32), that many bytes of the tar
 *             | FILE_RECORD, length of the path (u32), size (f64), path: the file's content comes here
 *
 * Numbers are little endian; a record does not cross blocks.
 */
export const BLOCK_SIZE = 256 * 1024;
export const LENGTH_SIZE = 4;
export const RAW_RECORD = 1;
export const FILE_RECORD = 2;
export const RAW_HEAD = 5;
export const FILE_HEAD = 13;
