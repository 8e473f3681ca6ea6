import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { inventory } from "../../support/host.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";
import { LimitedWorld, MIB, UNIFIED } from "./world.ts";

const reason = !existsSync("/run/systemd/private")
  ? "systemd does not run here (tools/vm/test has one)"
  : UNIFIED
    ? undefined
    : "cgroup v2 is not alone here";
if (reason !== undefined) console.log(`skipped: ${reason}`);

/** `--exec-opt native.cgroupdriver=systemd` with a real systemd. */
describe.skipIf(reason !== undefined)("containers as scopes of systemd", () => {
  let world: LimitedWorld;
  beforeAll(async () => {
    world = await LimitedWorld.start({ cgroupDriver: "systemd" });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const scopeOf = (id: string) => `docker-${id}.scope`;
  const property = async (id: string, name: string) =>
    (await output("systemctl", ["show", "--property", name, "--value", scopeOf(id)])).trim();
  const units = async () => {
    const { stdout } = await run("systemctl", ["list-units", "--all", "--plain", "--no-legend", "docker-*.scope"]);
    return stdout.split("\n").filter((line) => line.trim() !== "");
  };
  const gone = (id: string) =>
    eventually(`the end of ${scopeOf(id)}`, async () => !(await units()).some((line) => line.includes(id)));

  test("are told of, and lie in the engine's slice with their supervisor beside them", async () => {
    const info = (await world.engine.api("GET", "/info")).json as { CgroupDriver: string }; // info's shape
    expect(info.CgroupDriver).toBe("systemd");
    const id = await world.begin({ Memory: 64 * MIB, PidsLimit: 20, CpuShares: 512 }, "sleep", "1000");
    const { State } = await world.inspect(id);
    const place = `/${world.engine.cgroupParent}/${scopeOf(id)}/container`;
    expect(readFileSync(`/proc/${State.Pid}/cgroup`, "utf8")).toBe(`0::${place}\n`);
    expect(await world.exec(id, "cat", "/proc/self/cgroup")).toBe("0::/");
    expect(await property(id, "Slice")).toBe(world.engine.cgroupParent);
    expect(await property(id, "Delegate")).toBe("yes");
    expect(await property(id, "MemoryMax")).toBe(String(72 * MIB));
    expect(await property(id, "TasksMax")).toBe("84");
    expect(await property(id, "CPUWeight")).toBe("20");
    expect(await world.update(id, { Memory: 96 * MIB, MemorySwap: 96 * MIB })).toStartWith("200 ");
    expect(await property(id, "MemoryMax")).toBe(String(104 * MIB));
    await world.remove(id);
    await gone(id);
  });

  test("keep their limits and device rules when systemd reads its configuration again", async () => {
    const id = await world.begin({ Memory: 64 * MIB }, "sleep", "1000");
    await output("systemctl", ["daemon-reload"]);
    expect(await world.cgroupFile(id, ["memory", "memory.limit_in_bytes"], "memory.max")).toBe(String(64 * MIB));
    const open = "mknod /tmp/m c 10 237; (exec 3</tmp/m) 2>&1; true";
    expect(await world.exec(id, "sh", "-c", open)).toContain("Operation not permitted");
    await world.remove(id);
  });

  test("are started again under the same name", async () => {
    const id = await world.begin({}, "sleep", "1000");
    const before = (await world.inspect(id)).State.Pid;
    expect((await world.engine.api("POST", `/containers/${id}/restart?t=0`)).status).toBe(204);
    const { State } = await world.inspect(id);
    expect([State.Status, State.Pid === before]).toEqual(["running", false]);
    await world.remove(id);
  });

  test("end when their unit is stopped", async () => {
    const id = await world.begin({}, "sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done");
    await world.said(id, "up");
    await output("systemctl", ["stop", scopeOf(id)]);
    await world.engine.api("POST", `/containers/${id}/wait`);
    expect((await world.inspect(id)).State.ExitCode).toBe(7);
    await world.remove(id);
  });

  test("live on when the daemon is killed, and leave nothing in the end", async () => {
    const id = await world.begin({ Memory: 16 * MIB, MemorySwap: 16 * MIB }, "sleep", "1000");
    const lost = await world.begin({}, "sleep", "1000");
    await world.engine.kill9();
    expect(await property(id, "ActiveState")).toBe("active");
    await run("systemctl", ["kill", "--signal=KILL", scopeOf(lost)]);
    await world.engine.start();
    expect((await world.inspect(id)).State.Status).toBe("running");
    expect((await world.inspect(lost)).State.ExitCode).toBe(137);
    await Promise.all([world.remove(id), world.remove(lost)]);
    await gone(id);
    await gone(lost);
    await eventually("nothing of the engine", async () => !(await inventory(world.engine)).some(isOfContainers));
  });

  test.each(["runtime-create:shim", "runtime-create:scope", "runtime-create:process", "runtime-release:cgroup"])(
    "a daemon that is killed at %s leaves no unit",
    async (point) => {
      await world.engine.stop();
      await world.engine.start({ BERTH_CRASH: `${point}=kill` });
      await world.begin({}, "true").catch(() => undefined); // the daemon ends in the middle of the answer
      await eventually("the daemon's end", () => world.engine.hasEnded);
      await world.engine.kill9();
      await world.engine.start();
      await world.engine.removeContainers();
      await eventually("no units", async () => (await units()).length === 0);
    },
  );

  test("a parent that is no slice is refused", async () => {
    const body = { Image: "busybox:local", HostConfig: { CgroupParent: "/docker" } };
    const { status, text } = await world.engine.api("POST", "/containers/create", body);
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { message: 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"' },
    ]);
  });
});

/** Not the bridge, images and rules, which stay with the engine. */
function isOfContainers(line: string): boolean {
  return /^(mount|cgroup|process)/.test(line) && !line.includes(" daemon ");
}
