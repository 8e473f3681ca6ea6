import { chmod, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { randomBytes } from "node:crypto";
import { crc32, createDeflateRaw } from "node:zlib";
import { crashPoint, errnoOf, messageOf, type Logger } from "../base/index.ts";
import type { Native } from "../sys/index.ts";
import { Changes } from "./changes.ts";
import { compressedName, gzipHeader, identityIn } from "./compressed.ts";
import { withLogFolder } from "./folder-lock.ts";
import { findFile, openLog, rotatedName, type OpenLog } from "./log-files.ts";

interface Compression {
  path: string;
  maxFiles: number;
  calls: Pick<Native, "flock">;
  logger: Logger;
}

/** Compresses a log's rotated files as they come, until the log has ended and no plain one is left. */
export async function compressRotated(parts: Compression, ended: Promise<void>, signal: AbortSignal): Promise<void> {
  using changes = new Changes(parts.path, ended, signal);
  await removeLeftovers(parts.path);
  while (!signal.aborted) {
    const last = changes.ended;
    try {
      for (let index = 1; index < parts.maxFiles && !signal.aborted; index++) await compressFile(parts, index);
    } catch (error) {
      // A full disk: the plain file stays and is tried again at the next change.
      parts.logger.warn("a rotated log was not compressed", { path: parts.path, error: messageOf(error) });
    }
    if (last) return;
    await changes.next();
  }
}

/** Of a daemon that was killed on its way. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const ours = name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp");
    if (ours) await rm(join(folder, name), { force: true });
  }
}

async function compressFile(parts: Compression, index: number): Promise<void> {
  const name = rotatedName(parts.path, index);
  const file = await openLog(name);
  if (file === undefined) return;
  await using held = file;
  // A daemon that was killed between the last two steps leaves both.
  if ((await identityIn(compressedName(name))) === held.identity) return await replace(parts, held, undefined);
  const temporary = `${parts.path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeCompressed(held, temporary);
    crashPoint("compress-log:written");
    await replace(parts, held, temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The compressed file takes the plain one's place, wherever that stands by now. */
async function replace({ path, maxFiles, calls }: Compression, file: OpenLog, from: string | undefined): Promise<void> {
  await withLogFolder(path, calls, async () => {
    const index = await findFile(path, maxFiles, file.identity);
    if (index === undefined || index === 0) return;
    const name = rotatedName(path, index);
    if (from !== undefined) {
      await chmod(from, (await stat(name)).mode & 0o7777);
      await rename(from, compressedName(name));
      crashPoint("compress-log:renamed");
    }
    await rm(name).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
  });
}

async function writeCompressed(file: OpenLog, path: string): Promise<void> {
  const out = await open(path, "wx", 0o600);
  try {
    let crc = 0;
    let size = 0;
    async function* content(): AsyncGenerator<Buffer> {
      const block = Buffer.allocUnsafeSlow(64 * 1024);
      for (let at = 0; ;) {
        const { bytesRead } = await file.file.read(block, 0, block.length, at);
        if (bytesRead === 0) return;
        const piece = Buffer.from(block.subarray(0, bytesRead));
        crc = crc32(piece, crc);
        at += bytesRead;
        size = at;
        yield piece;
      }
    }
    await out.write(gzipHeader(file.identity));
    await pipeline(content, createDeflateRaw(), async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) await out.write(piece);
    });
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc, 0);
    trailer.writeUInt32LE(size % 2 ** 32, 4);
    await out.write(trailer);
    await out.sync();
  } finally {
    await out.close();
  }
}
