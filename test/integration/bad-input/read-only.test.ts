import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { SHORT_LINGER, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";
import { crashPoints } from "../crash/points.ts";

/**
 * The data root becomes read-only under the engine, as ext4 does that has found an error: open files are of no use then
 * either, which no remount could bring about.
 */
const folder = mkdtempSync(join(tmpdir(), "berth-read-only-"));
const mountpoint = join(folder, "disk");
const reason = await mountDisk();
if (reason !== undefined) console.log(`skipped: a read-only data root (${reason})`);

/** Mounts a small ext4 that turns read-only at its first error; why not, otherwise. */
async function mountDisk(): Promise<string | undefined> {
  const image = join(folder, "image");
  const steps: Array<[string, string[]]> = [
    ["truncate", ["--size=96M", image]],
    ["mkfs.ext4", ["-q", "-F", image]],
    ["mkdir", [mountpoint]],
    ["mount", ["-o", "loop,errors=remount-ro", image, mountpoint]],
  ];
  for (const [command, args] of steps) {
    const { code, stderr } = await run(command, args);
    if (code !== 0) return `${command}: ${stderr.trim()}`;
  }
  return existsSync(await trigger()) ? undefined : "this kernel's ext4 cannot be told to find an error";
}

/** A file of ext4's that makes it find an error. */
async function trigger(): Promise<string> {
  const device = await output("findmnt", ["-n", "-o", "SOURCE", mountpoint]);
  return `/sys/fs/ext4/${basename(device.trim())}/trigger_fs_error`;
}

let engine: TestEngine | undefined;
beforeAll(async () => {
  if (reason === undefined)
    engine = await startEngine({ flags: [`--data-root=${mountpoint}/data`], env: SHORT_LINGER });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await run("umount", [mountpoint]);
  rmSync(folder, { recursive: true });
});

function running(): TestEngine {
  if (engine === undefined) throw new Error("skipped");
  return engine;
}

async function berth(...args: string[]) {
  const { code, stdout, stderr } = await running().berth(args);
  return { code, stdout, stderr };
}

describe.skipIf(reason !== undefined)("with a read-only data root", () => {
  const script = "echo said; exec sleep 1000";
  beforeAll(async () => {
    for (const args of [
      ["run", "-d", "--name", "runs", "busybox:local", "sh", "-c", script],
      ["run", "-d", "--name", "other", "busybox:local", "sh", "-c", script],
      ["run", "--name", "ended", "busybox:local", "echo", "over"],
      ["run", "-d", "--name", "busy", "-p", "80", "-v", "/anonymous", "busybox:local", "sleep", "2222"],
      ["run", "-d", "--name", "last", "busybox:local", "sleep", "3333"],
    ]) {
      expect((await berth(...args)).code).toBe(0);
    }
    writeFileSync(await trigger(), "1");
    expect((await run("touch", [join(mountpoint, "file")])).stderr).toContain("Read-only file system");
  });

  test("everything is read", async () => {
    const reads: Array<[string[], string]> = [
      [["ps", "-a", "--format", "{{.Names}}"], "last\nbusy\nended\nother\nruns\n"],
      [["logs", "runs"], "said\n"],
      [["logs", "ended"], "over\n"],
      [["images", "--format", "{{.Repository}}"], "busybox\n"],
      [["inspect", "--format", "{{.State.Status}}", "runs"], "running\n"],
      [["exec", "runs", "echo", "inside"], "inside\n"],
      [["info", "--format", "{{.Containers}}"], "5\n"],
    ];
    for (const [args, stdout] of reads) expect(await berth(...args)).toEqual({ code: 0, stdout, stderr: "" });
  });

  test("what is new is refused with the reason", async () => {
    for (const args of [
      ["create", "busybox:local"],
      ["start", "ended"],
      ["volume", "create", "new"],
      ["network", "create", "new"],
      ["tag", "busybox:local", "other:1"],
      ["rename", "ended", "renamed"],
    ]) {
      const { code, stderr } = await berth(...args);
      expect([args, code]).toEqual([args, 1]);
      expect(stderr).toContain("read-only");
    }
    expect((await berth("ps", "-aq")).stdout.trim().split("\n")).toHaveLength(5);
  });

  test("what runs is stopped and killed", async () => {
    expect(await berth("stop", "-t", "0", "runs")).toMatchObject({ code: 0, stdout: "runs\n" });
    expect(await berth("kill", "other")).toMatchObject({ code: 0, stdout: "other\n" });
    for (const name of ["runs", "other"]) {
      const state = await berth("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name);
      expect(state.stdout).toBe("exited 137\n");
    }
    expect((await berth("logs", "runs")).stdout).toBe("said\n");
  });

  const list = async () => (await berth("ps", "-a", "--format", "{{.Names}}")).stdout.trim().split("\n").sort();
  const notes = () => readdirSync(join(running().execRoot, "removed"));
  const arms = join(folder, "arms");
  const arm = (point?: string) => writeFileSync(arms, point === undefined ? "" : `${point}=kill`);
  const armed = { BERTH_CRASH: `@${arms}` };

  test("what is removed is gone at once, with all that it had", async () => {
    const id = (await berth("inspect", "--format", "{{.Id}}", "busy")).stdout.trim();
    expect((await inventory(running())).filter((line) => line.includes(id))).not.toEqual([]);
    expect(await berth("rm", "ended")).toEqual({ code: 0, stdout: "ended\n", stderr: "" });
    expect(await berth("rm", "-fv", "busy")).toEqual({ code: 0, stdout: "busy\n", stderr: "" });
    expect(await list()).toEqual(["last", "other", "runs"]);
    expect((await berth("logs", "ended")).stderr).toContain("No such container: ended");
    expect((await berth("inspect", id)).code).toBe(1);
    expect(notes()).toHaveLength(2);
    await eventually("nothing of it on the host", async () => {
      const left = (await inventory(running())).filter((line) => line.includes(id));
      return left.length === 0;
    });
    // The image stays, though nobody uses it by and by.
    expect((await berth("rmi", "-f", "busybox:local")).stderr).toContain("read-only");
  });

  test("a daemon that starts on such a disk serves what is there, and what was removed stays removed", async () => {
    await running().kill9();
    arm();
    await running().start(armed);
    expect(await list()).toEqual(["last", "other", "runs"]);
    expect(await berth("exec", "last", "echo", "inside")).toEqual({ code: 0, stdout: "inside\n", stderr: "" });
    expect((await berth("logs", "runs")).stdout).toBe("said\n");
    expect((await berth("create", "--name", "ended", "busybox:local")).stderr).toContain("read-only");
    expect((await berth("volume", "create", "new")).stderr).toContain("read-only");
  });

  test("a daemon that is killed once a removal is noted has removed", async () => {
    arm("read-only-remove:noted");
    expect((await berth("rm", "-f", "last")).code).toBe(1);
    await eventually("the daemon's death", () => running().hasEnded);
    arm();
    await running().start(armed);
    expect(await list()).toEqual(["other", "runs"]);
    expect(notes()).toHaveLength(3);
    expect((await inventory(running())).filter((line) => line.includes("sleep 3333"))).toEqual([]);
  });

  test("a removal that cannot be noted either is refused with both reasons", async () => {
    const place = join(running().execRoot, "removed");
    renameSync(place, `${place}.away`);
    writeFileSync(place, "");
    const { code, stderr } = await berth("rm", "other");
    expect(code).toBe(1);
    expect(stderr).toMatch(/read-only.* and the removal cannot be noted in the exec root: /);
    expect(await list()).toEqual(["other", "runs"]);
    rmSync(place);
    renameSync(`${place}.away`, place);
  });

  test("once the disk can be written to again, the removals are carried out, whenever a daemon is killed", async () => {
    await running().stop();
    await eventually("an unmounted disk", async () => (await run("umount", [mountpoint])).code === 0);
    expect((await run("mount", ["-o", "loop", join(folder, "image"), mountpoint])).stderr).toBe("");
    for (const point of ["read-only-remove:recorded", "read-only-remove:dropped"]) {
      arm(point);
      await expect(running().start(armed)).rejects.toThrow("the daemon ended");
    }
    arm();
    await running().start(armed);
    expect(await list()).toEqual(["other", "runs"]);
    const kept = (await berth("ps", "-aq", "--no-trunc")).stdout.trim().split("\n").sort();
    await eventually("nothing left of them", () => {
      const folders = readdirSync(join(mountpoint, "data/containers")).sort();
      return notes().length === 0 && folders.join() === kept.join();
    });
    expect((await berth("volume", "ls", "-q")).stdout).toBe("");
    expect((await berth("run", "--rm", "--name", "busy", "busybox:local", "echo", "again")).stdout).toBe("again\n");
  });

  test("every crash point of such removals is tried", () => {
    const tried = ["read-only-remove:dropped", "read-only-remove:noted", "read-only-remove:recorded"];
    expect(crashPoints().filter((point) => point.startsWith("read-only-"))).toEqual(tried);
  });
});
