import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, silentLogger } from "../../base/index.ts";
import { shimBinary } from "./fixture.ts";
import { ShimPool } from "./pool.ts";

setDefaultTimeout(60_000);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-pool-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (size: number) =>
  ShimPool.open({ program: { binary: shimBinary() }, root: join(folder, "spare"), size, logger: silentLogger });

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const limit = Date.now() + 30_000; !holds(); await sleep(10)) {
    if (Date.now() > limit) throw new Error(`waited too long for ${what}`);
  }
}

/** Shims with this folder in their command line. */
function shims(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      } catch {
        return false; // it ended meanwhile
      }
    });
}

function endAtOnce(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error; // it ended meanwhile
  }
}

function commandOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}

function parentOf(pid: number | undefined): string | undefined {
  return /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
}

test("spares come after the first start, move to where they are needed, and end with the pool", async () => {
  const pool = await open(2);
  const first = await pool.take(join(folder, "first"));
  await until("spares", () => pool.ready === 2);

  const shim = await pool.take(join(folder, "second"));

  expect((await first?.state())?.state).toBe("claimed");
  expect((await shim?.state())?.state).toBe("claimed");
  expect(existsSync(join(folder, "second/shim.sock"))).toBe(true);
  await until("another spare", () => pool.ready === 2);
  await pool[Symbol.asyncDispose]();
  expect(existsSync(join(folder, "spare"))).toBe(false);
  await until("the end of the spares", () => shims().length === 2);
  await first?.shutdown();
  await shim?.shutdown();
  await until("the end of the shims", () => shims().length === 0);
});

test("a start while spares are being made, which leaves none to make, does not end the making", async () => {
  await using pool = await open(1);
  const first = await pool.take(join(folder, "first"));
  await until("a spare in the making", () => readdirSync(join(folder, "spare")).length === 2);
  const second = await pool.take(join(folder, "second"));
  await until("the spare", () => pool.ready === 1);
  await sleep(100); // the second start has it looked whether there are enough

  const third = await pool.take(join(folder, "third"));

  await until("another spare", () => pool.ready === 1);
  for (const shim of [first, second, third]) shim?.close();
});

test("many that are wanted at once are forks of one", async () => {
  await using pool = await open(1);
  const names = ["first", "second", "third", "fourth"];

  const taken = await Promise.all(names.map((name) => pool.take(join(folder, name))));

  expect(new Set(taken.map((shim) => shim?.pid)).size).toBe(names.length);
  expect(await Promise.all(taken.map(async (shim) => (await shim?.state())?.state))).toEqual(
    names.map(() => "claimed"),
  );
  expect(taken.map((shim) => parentOf(shim?.pid))).toEqual(names.map(() => parentOf(taken[0]?.pid)));
  for (const shim of taken) shim?.close();
});

test("what is taken ends when the daemon lets go of it, and is no child of the one it was forked from", async () => {
  const pool = await open(1);
  const shim = await pool.take(join(folder, "first"));
  await pool[Symbol.asyncDispose]();
  await until("the end of the others", () => shims().length === 1);
  expect((await shim?.state())?.state).toBe("claimed");
  expect(commandOf(shim?.pid)).toContain(`--socket\0${folder}/`);
  shim?.close();
  await until("its end", () => shims().length === 0);
});

test("a spare that has died is not given away, nor one whose place is taken", async () => {
  await using pool = await open(1);
  (await pool.take(join(folder, "first")))?.close();
  await until("a spare", () => pool.ready === 1);
  for (const pid of shims()) endAtOnce(pid);
  await until("the loss", () => pool.ready === 0);
  const second = join(folder, "second");
  expect(await pool.take(second)).toBeUndefined();
  expect(existsSync(second)).toBe(false);
  await until("another spare", () => pool.ready === 1);

  const refused = await pool.take(folder).catch((error: unknown) => error);

  expect(refused).toMatchObject({ code: "ENOTEMPTY" });
});

test("a spare whose directory was taken away is passed over", async () => {
  await using pool = await open(2);
  (await pool.take(join(folder, "first")))?.close();
  await until("spares", () => pool.ready === 2);
  for (const name of readdirSync(join(folder, "spare"))) rmSync(join(folder, "spare", name), { recursive: true });

  const shim = await pool.take(join(folder, "second"));

  expect((await shim?.state())?.state).toBe("claimed");
  shim?.close();
});

test("without a size there are none, and what an earlier daemon left is removed", async () => {
  await using before = await open(1);
  (await before.take(join(folder, "first")))?.close();
  await until("a spare", () => before.ready === 1);

  await using pool = await open(0);

  expect(existsSync(join(folder, "spare"))).toBe(false);
  expect(await pool.take(join(folder, "second"))).toBeUndefined();
  expect(pool.ready).toBe(0);
});
