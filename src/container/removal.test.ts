import { expect, test } from "bun:test";
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
