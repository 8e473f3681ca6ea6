import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CALL, FakeWorld } from "./testing/fake-world.ts";

const RM = { force: true, volumes: true, link: false };

test("a removal that is tried again leaves alone what is being made meanwhile", async () => {
  await using world = new FakeWorld();
  const removed = await world.create();
  world.snapshots.failing = new Error("EIO");
  await world.containers.remove(removed, RM);
  expect(world.traces()).toMatchObject({ snapshots: 1, rows: 0, tombstones: 1 });
  world.snapshots.failing = undefined;

  // The second try of the removal comes while this one waits for its volume.
  world.volumes.making = async () => {
    while (world.snapshots.rows.has(removed)) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  const made = await world.create({ Volumes: { "/data": {} } });
  expect([...world.snapshots.rows.keys()]).toEqual([made]);
  while (world.traces()["tombstones"] !== 0) await new Promise((resolve) => setImmediate(resolve));
  expect(world.traces()).toMatchObject({ snapshots: 1, volumes: 1, rows: 1 });
  await world.containers.start(made, CALL);
});

/** SQLite refuses every change, as on a disk that is read-only. */
function readOnly(world: FakeWorld, on: boolean): void {
  world.store.prepare(`PRAGMA query_only = ${on ? "ON" : "OFF"}`).run();
}
const notesOf = (world: FakeWorld) => readdirSync(join(world.folder, "exec/removed"));

test("a removal that cannot be recorded is noted, and carried out when it can be", async () => {
  await using world = new FakeWorld();
  const id = await world.run({ Volumes: { "/data": {} } }, "web");
  const { result } = await world.containers.wait(id, "removed", CALL);
  readOnly(world, true);
  await world.containers.remove(id, RM);
  expect((await result).statusCode).toBe(137);
  await expect(world.containers.inspect("web", { size: false })).rejects.toThrow("No such container: web");
  expect(world.traces()).toMatchObject({ tasks: 0, attached: 0, rows: 1, volumes: 1 });
  expect(world.actions().slice(-2)).toEqual(["die", "destroy"]);
  expect(notesOf(world)).toEqual([id]);
  readOnly(world, false);
  // The name is free at once, also before the removal is carried out.
  const next = await world.create({}, "web");
  while (world.traces()["tombstones"] !== 0 || notesOf(world).length > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([...world.snapshots.rows.keys()]).toEqual([next]);
  expect(world.traces()).toMatchObject({ rows: 1, volumes: 0 });
});

test("a noted removal is carried out by the next daemon", async () => {
  await using world = new FakeWorld();
  const kept = await world.create({}, "kept");
  const id = await world.create({}, "web");
  readOnly(world, true);
  await world.containers.remove(id, RM);
  // A note that nobody can read is of no container.
  writeFileSync(join(world.folder, "exec/removed", kept), "{");
  await world.reboot();
  expect([...world.snapshots.rows.keys()]).toEqual([kept]);
  expect(world.traces()).toMatchObject({ rows: 1, tombstones: 0 });
  expect(existsSync(join(world.folder, "exec/removed", id))).toBe(false);
});

test("a removal that cannot be noted either is refused, and the container stays", async () => {
  await using world = new FakeWorld();
  const id = await world.create({}, "web");
  mkdirSync(join(world.folder, "exec"));
  writeFileSync(join(world.folder, "exec/removed"), "");
  readOnly(world, true);
  await expect(world.containers.remove(id, RM)).rejects.toThrow("and the removal cannot be noted in the exec root: ");
  expect((await world.containers.inspect("web", { size: false })).Id).toBe(id);
  readOnly(world, false);
  rmSync(join(world.folder, "exec/removed"));
  await world.containers.remove(id, RM);
  while (world.traces()["tombstones"] !== 0) await new Promise((resolve) => setImmediate(resolve));
  expect(world.traces()).toMatchObject({ rows: 0, snapshots: 0 });
});

test("a removal by force ends what puts files into the container, and what waits to do so", async () => {
  await using world = new FakeWorld();
  const id = await world.create();
  const begun = Promise.withResolvers<void>();
  let times = 0;
  // A client that never comes to an end.
  world.unpack = async (_body, signal) => {
    times += 1;
    begun.resolve();
    await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("context canceled"))));
  };
  const put = () =>
    world.containers.archivePut(
      id,
      "/",
      { noOverwriteDirNonDir: false, copyUidGid: false },
      new ReadableStream(),
      CALL,
    );
  const results = Promise.allSettled([put(), put()]);
  await begun.promise;
  await world.containers.remove(id, RM);
  const text = `container ${id} is marked for removal: no files can be put into it`;
  for (const result of await results) {
    expect(result.status === "rejected" ? String(result.reason.message) : "fulfilled").toBe(text);
  }
  expect(times).toBe(1);
});
