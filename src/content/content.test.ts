import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, sha256, silentLogger } from "../base/index.ts";
import { loadNative } from "../sys/index.ts";
import { openContentStore, type ContentStore } from "./index.ts";

setDefaultTimeout(120_000);

let root: string;
let content: ContentStore;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "berth-content-"));
  content = await openContentStore({ root, native: loadNative(), logger: silentLogger });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const bytes = Buffer.from("some bytes that make a blob");
const blob = { digest: sha256(bytes), size: bytes.length };

async function* source(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function read(offset?: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read(blob.digest, offset)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(() => "no error", messageOf);
}

const files = (folder: string): string[] => readdirSync(join(root, folder));

describe("a blob", () => {
  test("appears whole, private, under its digest", async () => {
    using stored = await content.ingest(source(bytes.subarray(0, 5), bytes.subarray(5)));
    expect(stored).toMatchObject(blob);
    expect(await read()).toBe(bytes.toString());
    expect(await read(5)).toBe(bytes.subarray(5).toString());
    expect(await content.sizeOf(blob.digest)).toBe(bytes.length);
    expect(statSync(content.pathOf(blob.digest)).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, "blobs")).mode & 0o077).toBe(0);
    expect(files("scratch")).toEqual([]);
  });

  test("is refused when it is not what was expected", async () => {
    const other = sha256("other");
    expect(await failure(content.ingest(source(bytes), { digest: other }))).toContain(`digest ${other}`);
    expect(await failure(content.ingest(source(bytes), { size: 3 }))).toContain("unexpected commit size");
    expect(await failure(content.ingest(source(bytes), { size: 300 }))).toContain("unexpected commit size");
    expect([...files("blobs/sha256"), ...files("scratch")]).toEqual([]);
  });

  test("does not appear when its source fails or is cancelled", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("broken");
    }
    expect(await failure(content.ingest(broken()))).toBe("broken");
    expect(await failure(content.ingest(source(bytes), {}, AbortSignal.abort()))).not.toBe("no error");
    expect([...files("blobs/sha256"), ...files("scratch")]).toEqual([]);
  });

  test("goes to the disk while it grows, where the file system can", async () => {
    const ranges: [number, number][] = [];
    const native = {
      syncFileRange: async (_fd: number, offset: number, length: number) => {
        ranges.push([offset, length]);
        if (ranges.length === 2) throw new Error("not here");
      },
    };
    const store = await openContentStore({ root, native, logger: silentLogger });
    const megabytes = Array.from({ length: 18 }, (_, i) => Buffer.alloc(1024 * 1024, i));
    const whole = Buffer.concat(megabytes);
    const expected = { digest: sha256(whole), size: whole.length };
    using stored = await store.ingest(source(...megabytes), expected);
    expect(stored.size).toBe(whole.length);
    await store.delete(stored.digest);
    await using writer = await store.resume(expected);
    for (const part of megabytes) await writer.write(part);
    await writer.restart();
    for (const part of megabytes) await writer.write(part);
    await writer.commit();
    expect(await store.sizeOf(expected.digest)).toBe(whole.length);
    expect(ranges.length).toBeGreaterThan(3);
    // Without gaps, each time from the start.
    for (const [at, [offset]] of ranges.entries()) {
      const [before, length] = ranges[at - 1] ?? [0, 0];
      expect([0, before + length]).toContain(offset);
    }
  });

  test("that is not there is told by its digest", async () => {
    expect(await failure(read())).toBe(`content ${blob.digest}: not found`);
    expect(await content.sizeOf(blob.digest)).toBeUndefined();
  });

  test("takes over a file, and replaces one of the wrong size", async () => {
    await using scratch = await content.scratch();
    writeFileSync(content.pathOf(blob.digest), "cut off");
    writeFileSync(join(scratch.path, "file"), bytes);
    await content.adopt(join(scratch.path, "file"), blob);
    expect(await read()).toBe(bytes.toString());
    expect(existsSync(join(scratch.path, "file"))).toBe(false);
  });

  test("is not deleted while it is leased", async () => {
    const stored = await content.ingest(source(bytes));
    const second = content.lease(blob.digest);
    stored[Symbol.dispose]();
    expect(await content.delete(blob.digest)).toBe(false);
    await content.sweep(() => false);
    expect(await read()).toBe(bytes.toString());
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(await content.delete(blob.digest)).toBe(true);
    expect(await content.delete(blob.digest)).toBe(true);
  });
});

describe("a download", () => {
  test("goes on where it stopped", async () => {
    {
      await using writer = await content.resume(blob);
      await writer.write(bytes.subarray(0, 7));
    }
    await using writer = await content.resume(blob);
    expect(writer.offset).toBe(7);
    const before: Uint8Array[] = [];
    for await (const chunk of writer.written()) before.push(chunk);
    expect(Buffer.concat(before).toString()).toBe(bytes.subarray(0, 7).toString());
    await writer.write(bytes.subarray(7));
    await writer.commit();
    expect(await read()).toBe(bytes.toString());
    expect(files("partial")).toEqual([]);
  });

  test("of wrong bytes is thrown away", async () => {
    {
      await using writer = await content.resume(blob);
      await writer.write(Buffer.alloc(bytes.length, "x"));
      expect(await failure(writer.commit())).toContain("verification failed");
    }
    {
      await using writer = await content.resume(blob);
      expect(writer.offset).toBe(0);
      expect(await failure(writer.write(Buffer.alloc(bytes.length + 1)))).toContain("unexpected commit size");
      await writer.write(bytes.subarray(0, 3));
      expect(await failure(writer.commit(blob.digest))).toContain("unexpected commit size");
    }
    expect([...files("blobs/sha256"), ...files("partial")]).toEqual([]);
  });

  test("is one at a time for each digest", async () => {
    const first = await content.resume(blob);
    const order: string[] = [];
    const second = content.resume(blob).then(async (writer) => {
      order.push(`second from ${writer.offset}`);
      await writer[Symbol.asyncDispose]();
    });
    await first.write(bytes.subarray(0, 4));
    order.push("first ends");
    await first[Symbol.asyncDispose]();
    await second;
    expect(order).toEqual(["first ends", "second from 4"]);
  });
});

test("the sweep removes what nobody knows and keeps fresh downloads", async () => {
  (await content.ingest(source(bytes)))[Symbol.dispose]();
  (await content.ingest(source(Buffer.from("unused"))))[Symbol.dispose]();
  writeFileSync(join(root, "blobs/sha256/junk"), "x");
  writeFileSync(join(root, "scratch/junk"), "x");
  writeFileSync(join(root, "partial/fresh"), "x");
  writeFileSync(join(root, "partial/stale"), "x");
  utimesSync(join(root, "partial/stale"), 1_000_000_000, 1_000_000_000);
  await content.sweep((digest) => digest === blob.digest);
  expect(files("blobs/sha256")).toEqual([blob.digest.slice(7)]);
  expect([...files("scratch"), ...files("partial")]).toEqual(["fresh"]);
});
