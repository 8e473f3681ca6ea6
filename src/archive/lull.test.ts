import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKind, silentLogger } from "../base/index.ts";
import { type Archiver, createArchiver, TRAILER, Trash } from "./index.ts";

/** What nobody waits for gives way to what is unpacked. */

setDefaultTimeout(120_000);

const AN_HOUR = 3_600_000;

let place: string;
let archiver: Archiver;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "berth-lull-"));
  archiver = createArchiver();
});
afterEach(async () => {
  await archiver[Symbol.asyncDispose]();
  rmSync(place, { recursive: true, force: true });
});

/** An unpack that goes on until `end` is called. */
function unpackUntil(): { done: Promise<unknown>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Uint8Array> {
    await promise;
    yield TRAILER;
  }
  return { done: archiver.unpack({ source: source(), target: { path: place }, whiteouts: "keep" }), end: resolve };
}

test("there is a lull while nothing is unpacked", async () => {
  await archiver.lull(AN_HOUR);
  const { done, end } = unpackUntil();
  end();
  await done;
  await archiver.lull(AN_HOUR);
  expect(await archiver.usage({ path: place })).toMatchObject({ bytes: 0 });
});

test("a lull is waited for until the last unpack has ended", async () => {
  const first = unpackUntil();
  const second = unpackUntil();
  let over = false;
  const lull = archiver.lull(AN_HOUR).then(() => (over = true));
  first.end();
  await first.done;
  expect(over).toBe(false);
  second.end();
  await second.done;
  await lull;
  expect(over).toBe(true);
});

test("a lull is not waited for longer than the limit", async () => {
  const { done, end } = unpackUntil();
  await archiver.lull(1);
  end();
  expect(await done).toMatchObject({ entries: 0 });
});

async function openTrash(): Promise<Trash> {
  const trash = new Trash({ folder: join(place, "trash"), archiver, logger: silentLogger });
  await trash.open();
  return trash;
}

test("what is thrown away is deleted", async () => {
  const trash = await openTrash();
  mkdirSync(join(trash.folder, "entry"));
  writeFileSync(join(trash.folder, "entry/file"), "");
  trash.empty("entry");
  await trash.idle();
  expect(existsSync(join(trash.folder, "entry"))).toBe(false);
  expect(existsSync(trash.folder)).toBe(true);
});

test("the daemon's end does not wait for what is thrown away, which the next start deletes", async () => {
  const { done, end } = unpackUntil();
  const trash = await openTrash();
  for (const name of ["one", "two"]) {
    mkdirSync(join(trash.folder, name));
    trash.empty(name);
  }
  await trash[Symbol.asyncDispose]();
  expect(readdirSync(trash.folder).sort()).toEqual(["one", "two"]);
  end();
  await done;

  const next = await openTrash();
  await next.resume();
  await next.idle();
  expect(readdirSync(trash.folder)).toEqual([]);
});

test("a removal is left half done on abort, and when the workers end", async () => {
  const entry = join(place, "entry");
  const fill = () => {
    mkdirSync(entry, { recursive: true });
    for (let count = 0; count < 20_000; count++) writeFileSync(join(entry, String(count)), "");
  };
  fill();
  const aborted = new AbortController();
  const first = archiver.removeTree(entry, aborted.signal).catch((error: unknown) => error);
  aborted.abort();
  expect(isKind(await first, "cancelled")).toBe(true);
  expect(existsSync(entry)).toBe(true);

  fill();
  const second = archiver.removeTree(entry).catch((error: unknown) => error);
  await archiver[Symbol.asyncDispose]();
  expect(isKind(await second, "cancelled")).toBe(true);
  expect(existsSync(entry)).toBe(true);
});
