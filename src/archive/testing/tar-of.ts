import { emptyEntry, paddingOf, type TarEntry, type TarType } from "../tar-format.ts";
import { formatHeader, TRAILER } from "../tar-writer.ts";

/** An entry for a test archive: what is not named is the usual. */
export type Sketch = Partial<Omit<TarEntry, "size">> & { name: string; type?: TarType; content?: Buffer | string };

/** The entries as a tar, whatever their names and targets. */
export function tarOf(...sketches: Sketch[]): Buffer {
  return Buffer.concat([...sketches.map(entryBytes), TRAILER]);
}

function entryBytes(sketch: Sketch): Buffer {
  const { content, ...rest } = sketch;
  const data = Buffer.from(content ?? "");
  const type = sketch.type ?? "file";
  const mode = sketch.mode ?? (type === "directory" ? 0o755 : 0o644);
  const entry = { ...emptyEntry(type, sketch.name), ...rest, mode, size: data.length };
  return Buffer.concat([formatHeader(entry), data, Buffer.alloc(paddingOf(data.length))]);
}

/** Bytes in pieces of the size. */
export async function* streamOf(data: Buffer, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a promise fails with, or undefined. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
