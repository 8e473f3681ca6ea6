/** On most hosts every mount is shared (systemd makes it so): what containers mount must not come out of them. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startEngine, type TestEngine } from "../support/engine.ts";

const SHARED = ["unshare", "--mount", "--propagation=shared", "--"];

/** Where something is mounted, as the daemon sees it. */
function mountPoints(engine: TestEngine): string[] {
  const lines = readFileSync(`/proc/${engine.pid}/mountinfo`, "utf8").trimEnd().split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").sort();
}

describe.each(["overlay2", "vfs"])("with %s on a host whose mounts are shared", (driver) => {
  test.each([
    ["a container", []],
    ["one with a read-only root", ["--read-only"]],
    ["one that may mount, and does", ["--privileged"]],
  ])("%s shows none of its mounts to the host", async (_what, options) => {
    await using engine = await startEngine({ launcher: SHARED, flags: [`--storage-driver=${driver}`] });
    const script = `for at in /proc/tty /dev/shm /sys/fs/cgroup/*; do mount -t tmpfs none $at; done 2>/dev/null; sleep 1000`;
    const before = mountPoints(engine);
    const { stdout, stderr } = await engine.docker(["run", "-d", ...options, "busybox:local", "sh", "-c", script]);
    expect(stderr).toBe("");
    const id = stdout.trim();
    const { json } = await engine.api("GET", `/containers/${id}/json`);
    const { State } = json as { State: { Running: boolean } }; // inspect's shape
    expect(State.Running).toBe(true);
    const own = await engine.docker(["exec", id, "sh", "-c", "mount | wc -l"]);
    expect(Number(own.stdout)).toBeGreaterThan(5);
    const withContainer = mountPoints(engine);
    await engine.docker(["rm", "-f", id]);
    expect(withContainer).toEqual(before);
    expect(mountPoints(engine)).toEqual(before);
  });
});
