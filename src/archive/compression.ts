import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { badCompression, noDecompressor } from "./errors.ts";

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const MAGICS: readonly [Compression, readonly number[]][] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];
const LONGEST_MAGIC = 6;
const OUTPUT_CHUNK = 256 * 1024;

/** What the first bytes say. */
export function detectCompression(head: Uint8Array): Compression {
  for (const [name, magic] of MAGICS) if (magic.every((byte, i) => head[i] === byte)) return name;
  // RFC 8878: skippable frames may come first.
  if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return "zstd";
  return "none";
}

/**
 * Finds the format and gives the uncompressed bytes. Inflating runs on the thread pool (or in the program), so it goes on
 * beside the reader's work.
 * @param source its chunks may be reused once the next one is asked for; so may those that are given.
 * @throws invalid for damaged data, not-implemented when the host has no program for the format.
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
): Promise<{ format: Compression; bytes: AsyncGenerator<Buffer> }> {
  const { head, rest } = await peek(source, LONGEST_MAGIC);
  const format = detectCompression(head);
  return { format, bytes: inflate(format, rest) };
}

function inflate(format: Compression, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  switch (format) {
    case "none":
      return unchanged(source);
    case "gzip":
      return through(format, createGunzip({ chunkSize: OUTPUT_CHUNK }), source);
    case "zstd":
      return through(format, createZstdDecompress({ chunkSize: OUTPUT_CHUNK }), source);
    default:
      return throughProgram(format, source);
  }
}

async function* unchanged(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield asBuffer(chunk);
}

async function* through(
  format: string,
  transform: Transform,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const input = Readable.from(copies(source), { objectMode: false, highWaterMark: 4 * OUTPUT_CHUNK });
  let inputError: unknown;
  input.on("error", (error) => {
    inputError = error;
    transform.destroy(error);
  });
  input.pipe(transform);
  try {
    for await (const chunk of transform) yield asBuffer(chunk);
  } catch (error) {
    throw inputError ?? badCompression(format, error);
  } finally {
    input.destroy();
    transform.destroy();
  }
}

async function* throughProgram(format: "bzip2" | "xz", source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const program = findProgram(format);
  if (program === undefined) throw noDecompressor(format);
  const child = spawn(program, ["-d", "-c", "-q"], { stdio: ["pipe", "pipe", "pipe"], env: {} });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => (complaint = (complaint + text.toString()).slice(0, 500)));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const input = Readable.from(copies(source), { objectMode: false });
  let inputError: unknown;
  input.on("error", (error) => {
    inputError = error;
    child.stdin.destroy();
  });
  child.stdin.on("error", () => undefined); // it ended early: its exit code says why
  input.pipe(child.stdin);
  try {
    for await (const chunk of child.stdout) yield asBuffer(chunk);
    const code = await ended;
    if (inputError !== undefined) throw inputError;
    if (code !== 0) throw badCompression(format, new Error(complaint.trim() || `${format} ended with ${code}`));
  } finally {
    input.destroy();
    child.kill("SIGKILL");
    await ended;
  }
}

function findProgram(name: string): string | undefined {
  const folders = ["/usr/bin", "/bin", ...(process.env["PATH"] ?? "").split(delimiter)].filter((folder) =>
    folder.startsWith("/"),
  );
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** For streams, which read ahead. */
async function* copies(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}

/** The first bytes, and the whole again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ head: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const next = await iterator.next();
    if (next.done === true) break;
    // Of one chunk no copy is needed: it is given on before the next is asked for.
    const isWhole = size === 0 && next.value.length >= length;
    held.push(isWhole ? next.value : Buffer.from(next.value));
    size += next.value.length;
  }
  const head = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
  return { head: head.subarray(0, length), rest: resume(held, iterator) };
}

async function* resume(held: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* held;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}

export function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
