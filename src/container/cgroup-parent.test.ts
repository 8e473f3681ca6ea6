import { afterEach, beforeEach, expect, test } from "bun:test";
import { messageOf } from "../base/index.ts";
import { FakeWorld } from "./testing/fake-world.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

async function place(CgroupParent?: string): Promise<string | undefined> {
  const id = await world.run(CgroupParent === undefined ? {} : { HostConfig: { CgroupParent } });
  return [...world.runtime.tasks.values()]
    .find((task) => task.id === id)
    ?.request.spec.linux.cgroupsPath.replace(id, "ID");
}

test("with cgroupfs a container lies beneath the parent that it names, or Docker's", async () => {
  expect(await place()).toBe("/docker/ID");
  expect(await place("/some/where")).toBe("/some/where/ID");
  expect(await place("some")).toBe("/some/ID");
});

test("with systemd it is a scope in a slice, and nothing else is taken", async () => {
  world.cgroupDriver = "systemd";
  await world.reboot();
  expect(await place()).toBe("system.slice:docker:ID");
  expect(await place("a-b.slice")).toBe("a-b.slice:docker:ID");
  for (const bad of ["/docker", "docker", "a/b.slice"]) {
    expect(await place(bad).catch(messageOf)).toBe(
      'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    );
  }
});
