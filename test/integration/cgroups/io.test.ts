import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";
import { LimitedWorld, MIB, UNIFIED } from "./world.ts";

// Limits and shares of a block device: a loop device of this test's own.

const probe = await run("losetup", ["--find"]);
const reason = probe.code === 0 ? undefined : `no loop devices here: ${probe.stderr.trim()}`;
if (reason !== undefined) console.log(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)("a block device", () => {
  let world: LimitedWorld;
  let loop = "";
  beforeAll(async () => {
    world = await LimitedWorld.start();
    const file = join(world.engine.folder, "disk");
    writeFileSync(file, Buffer.alloc(16 * MIB, 1));
    loop = (await output("losetup", ["--find", "--show", file])).trim();
  });
  afterAll(async () => {
    await world.engine.removeContainers();
    await run("losetup", ["--detach", loop]);
    await world[Symbol.asyncDispose]();
  });

  const device = () => ({ Devices: [{ PathOnHost: loop, PathInContainer: loop, CgroupPermissions: "rw" }] });
  const read = (size: string, count: number) => [
    "dd",
    `if=${loop}`,
    "of=/dev/null",
    `bs=${size}`,
    `count=${count}`,
    "iflag=direct",
  ];
  const write = (size: string, count: number) => [
    "dd",
    "if=/dev/zero",
    `of=${loop}`,
    `bs=${size}`,
    `count=${count}`,
    "oflag=direct",
  ];

  // Each takes two seconds at its rate; the kernel lets the first slices through at once. A busy machine is only slower.
  test.each([
    ["read no quicker than its bytes per second", "BlkioDeviceReadBps", 2 * MIB, () => read("64k", 64)],
    ["written no quicker than its bytes per second", "BlkioDeviceWriteBps", 2 * MIB, () => write("64k", 64)],
    ["read no quicker than its operations per second", "BlkioDeviceReadIOps", 20, () => read("4k", 40)],
    ["written no quicker than its operations per second", "BlkioDeviceWriteIOps", 20, () => write("4k", 40)],
  ] as const)("is %s", async (_name, member, rate, command) => {
    const started = performance.now();
    const { code } = await world.run({ ...device(), [member]: [{ Path: loop, Rate: rate }] }, ...command());
    expect(code).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(1000);
  });

  // On version 1 Docker asks for a file that kernels of today do not have any more, and discards weights.
  if (!UNIFIED) console.log("skipped: weights of block devices, which only version 2 of cgroups takes here");
  test.skipIf(!UNIFIED).each(["BlkioWeight", "BlkioWeightDevice"] as const)("is shared by %s", async (member) => {
    expect(takesBfq(`/sys/block/${loop.slice("/dev/".length)}/queue/scheduler`)).toBe(true);
    // Without weights both read alike, and one is never this far ahead after so much.
    const readers = "for i in 1 2 3 4; do while :; do dd if=$0 of=/dev/null bs=16k iflag=direct; done & done; wait";
    const begin = (weight: number) => {
      const weights =
        member === "BlkioWeight" ? { BlkioWeight: weight } : { BlkioWeightDevice: [{ Path: loop, Weight: weight }] };
      return world.begin({ ...device(), ...weights }, "sh", "-c", `exec 2>/dev/null; ${readers}`, loop);
    };
    const [large, small] = await Promise.all([begin(1000), begin(10)]);
    expect(await world.cgroupFile(large, ["", ""], "io.bfq.weight")).toContain("1000");
    const bytes = async () => await Promise.all([large, small].map(async (id) => readBytes(world, id)));
    const [largeStart = 0, smallStart = 0] = await bytes();
    await eventually("the heavier one is ahead", async () => {
      const [largeNow = 0, smallNow = 0] = await bytes();
      const [more, less] = [largeNow - largeStart, smallNow - smallStart];
      return more + less >= 32 * MIB && less > 0 && more > less * 1.5;
    });
    await Promise.all([large, small].map((id) => world.remove(id)));
  });
});

/** Has BFQ schedule the device. @returns whether the kernel has it. */
function takesBfq(scheduler: string): boolean {
  try {
    writeFileSync(scheduler, "bfq");
  } catch {
    return false;
  }
  return readFileSync(scheduler, "utf8").includes("[bfq]");
}

async function readBytes(world: LimitedWorld, id: string): Promise<number> {
  const { blkio_stats: stats } = await world.stats(id);
  const rows = stats.io_service_bytes_recursive ?? [];
  return rows.filter((row) => row.op.toLowerCase() === "read").reduce((sum, row) => sum + row.value, 0);
}
