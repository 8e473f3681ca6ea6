import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../base/index.ts";
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

test("what is thrown away is deleted", async () => {
  const trash = new Trash({ folder: join(place, "trash"), archiver, logger: silentLogger });
  await trash.open();
  mkdirSync(join(trash.folder, "entry"));
  writeFileSync(join(trash.folder, "entry/file"), "");
  trash.empty("entry");
  await trash.idle();
  expect(existsSync(join(trash.folder, "entry"))).toBe(false);
  expect(existsSync(trash.folder)).toBe(true);
});
