import { constants } from "node:fs";
import { open, rm, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { randomBytes } from "node:crypto";
import { errnoOf } from "../base/index.ts";

/**
 * Rotated files that were compressed: gzip (RFC 1952) with the identity of the file that was written in the header's
 * comment, so that a reader finds its place again.
 */

/** ID1 ID2, deflate, FCOMMENT, no time, no extra flags, Unix. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 3]);
const LONGEST_COMMENT = 128;

export function compressedName(path: string): string {
  return `${path}.gz`;
}

export function gzipHeader(identity: string): Buffer {
  return Buffer.concat([HEADER, Buffer.from(`${identity}\0`, "latin1")]);
}

/** The identity that a compressed file's header has; undefined when there is no such file. */
export async function identityIn(path: string): Promise<string | undefined> {
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER.length + LONGEST_COMMENT), 0, undefined, 0);
    const end = buffer.indexOf(0, HEADER.length);
    if (bytesRead < HEADER.length || buffer.compare(HEADER, 0, HEADER.length, 0, HEADER.length) !== 0 || end < 0) {
      return undefined;
    }
    return buffer.toString("latin1", HEADER.length, end);
  } finally {
    await file.close();
  }
}

/** What a compressed file holds, as a file without a name. Undefined when it is gone meanwhile. */
export async function inflated(path: string): Promise<FileHandle | undefined> {
  const source = await openIfThere(path);
  if (source === undefined) return undefined;
  try {
    return await inflate(source, `${path}.${randomBytes(6).toString("hex")}.tmp`);
  } finally {
    await source.close();
  }
}

async function inflate(source: FileHandle, temporary: string): Promise<FileHandle> {
  const file = await open(temporary, "wx+", 0o600);
  try {
    await rm(temporary);
    const compressed = source.createReadStream({ autoClose: false });
    await pipeline(compressed, createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      let at = 0;
      for await (const chunk of chunks) {
        await file.write(chunk, 0, chunk.length, at);
        at += chunk.length;
      }
    });
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
