import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { output, run } from "../../support/process.ts";

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
  if (reason === undefined) engine = await startEngine({ flags: [`--data-root=${mountpoint}/data`] });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await run("umount", [mountpoint]);
  rmSync(folder, { recursive: true });
});

async function berth(...args: string[]) {
  const { code, stdout, stderr } = await (engine?.berth(args) ?? Promise.reject(new Error("skipped")));
  return { code, stdout, stderr };
}

describe.skipIf(reason !== undefined)("with a read-only data root", () => {
  const script = "echo said; exec sleep 1000";
  beforeAll(async () => {
    for (const args of [
      ["run", "-d", "--name", "runs", "busybox:local", "sh", "-c", script],
      ["run", "-d", "--name", "other", "busybox:local", "sh", "-c", script],
      ["run", "--name", "ended", "busybox:local", "echo", "over"],
    ]) {
      expect((await berth(...args)).code).toBe(0);
    }
    writeFileSync(await trigger(), "1");
    expect((await run("touch", [join(mountpoint, "file")])).stderr).toContain("Read-only file system");
  });

  test("everything is read", async () => {
    const reads: Array<[string[], string]> = [
      [["ps", "-a", "--format", "{{.Names}}"], "ended\nother\nruns\n"],
      [["logs", "runs"], "said\n"],
      [["logs", "ended"], "over\n"],
      [["images", "--format", "{{.Repository}}"], "busybox\n"],
      [["inspect", "--format", "{{.State.Status}}", "runs"], "running\n"],
      [["exec", "runs", "echo", "inside"], "inside\n"],
      [["info", "--format", "{{.Containers}}"], "3\n"],
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
    expect((await berth("ps", "-aq")).stdout.trim().split("\n")).toHaveLength(3);
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

  test("a removal that cannot be recorded is refused, and nothing is half removed", async () => {
    for (const args of [
      ["rm", "ended"],
      ["rm", "-f", "runs"],
      ["rmi", "busybox:local"],
    ]) {
      const { code, stderr } = await berth(...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/read-only|is using its referenced image/);
    }
    expect((await berth("logs", "ended")).stdout).toBe("over\n");
    expect((await berth("ps", "-aq")).stdout.trim().split("\n")).toHaveLength(3);
  });
});
