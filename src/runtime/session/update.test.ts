import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomId, unavailable } from "../../base/index.ts";
import { ShimTask, type TaskParts } from "./task.ts";
import type { RuntimeContext } from "./types.ts";

test("limits that the cgroups' manager refuses are put back in the cgroup", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-update-"));
  try {
    const file = join(folder, "pids.max");
    writeFileSync(file, "7\n");
    let refuses = true;
    const cgroups = {
      updates: async () => [{ path: file, value: "9" }],
      manager: {
        update: async () => {
          expect(readFileSync(file, "utf8")).toBe("9");
          if (refuses) throw unavailable("no such unit");
        },
      },
    };
    const context = { cgroups } as unknown as RuntimeContext; // what an update looks at
    const exit = { execId: "", pid: 1, code: 0, at: 0n, oom: false };
    const parts = { id: randomId(), record: { cgroupPath: "/x" }, exit } as unknown as TaskParts; // and of the task
    const task = new ShimTask(context, parts);
    await expect(task.update({ devices: [], pids: { limit: 9 } })).rejects.toThrow("no such unit");
    expect(readFileSync(file, "utf8")).toBe("7");
    refuses = false;
    await task.update({ devices: [], pids: { limit: 9 } });
    expect(readFileSync(file, "utf8")).toBe("9");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
