import { afterAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomId, silentLogger } from "../../base/index.ts";
import { loadNative } from "../../sys/index.ts";
import { findHierarchies } from "../cgroups/hierarchies.ts";
import { createRuntime } from "../index.ts";
import { BusyboxImage, whyNoBusybox } from "../testing/busybox.ts";
import { containerSpec } from "../testing/container-spec.ts";

const shimPath = fileURLToPath(new URL("../../../build/berth-shim", import.meta.url));
const child = fileURLToPath(new URL("../testing/crash-child.ts", import.meta.url));
const reason = whyNoBusybox() ?? (existsSync(shimPath) ? undefined : `${shimPath} is not built`);
if (reason !== undefined) console.log(`skipped: ${reason}`);

const LIMIT = 120_000;

const POINTS = [
  "runtime-create:directory",
  "runtime-create:record",
  "runtime-create:shim",
  "runtime-create:scope",
  "runtime-create:process",
  "runtime-release:shim",
  "runtime-release:processes",
  "runtime-release:launcher",
  "runtime-release:cgroup",
  "runtime-release:scope",
];

describe.skipIf(reason !== undefined)("a daemon that is killed", () => {
  const image = new BusyboxImage();
  const execRoot = join(image.directory, "run");
  const parent = `/berth-test-crash-${process.pid}`;
  mkdirSync(execRoot, { mode: 0o700 });

  async function cgroupRoots(): Promise<string[]> {
    const { v1, unified } = await findHierarchies();
    return [...v1.map(({ mountpoint }) => mountpoint), ...(unified === undefined ? [] : [unified])];
  }

  afterAll(async () => {
    for (const root of await cgroupRoots()) if (existsSync(root + parent)) rmdirSync(root + parent);
    image[Symbol.dispose]();
  });

  async function runUntil(point: string, effect: string) {
    const id = randomId();
    const spec = containerSpec(id, ["sleep", "100000"], (made) => (made.linux.cgroupsPath = `${parent}/${id}`));
    const request = { id, spec, rootfs: image.rootfs(), stdin: { open: false, once: false } };
    const daemon = spawn(process.execPath, [child, execRoot, shimPath, JSON.stringify(request)], {
      stdio: "ignore",
      env: { ...process.env, BERTH_CRASH: `${point}=${effect}` },
    });
    const [code, signal] = await once(daemon, "exit");
    return { id, end: signal ?? code };
  }

  /** Names beneath which something of the container is left. */
  async function leftovers(id: string): Promise<string[]> {
    const roots = await cgroupRoots();
    const cgroups = roots.map((root) => `${root}${parent}/${id}`).filter((path) => existsSync(path));
    return [...cgroups, ...readdirSync(join(execRoot, "tasks"))];
  }

  test.each(POINTS)(
    "at %s leaves what the next one sweeps away",
    async (point) => {
      const { id, end } = await runUntil(point, "kill");
      expect(end).toBe("SIGKILL");
      const { runtime } = await createRuntime({ execRoot, shimPath, calls: loadNative(), logger: silentLogger });
      await runtime.sweep(new Set());
      expect(await leftovers(id)).toEqual([]);
    },
    LIMIT,
  );

  test.each(POINTS.filter((point) => point.startsWith("runtime-create:")))(
    "that fails with ENOSPC at %s leaves nothing by itself",
    async (point) => {
      const { id } = await runUntil(point, "ENOSPC");
      expect(await leftovers(id)).toEqual([]);
    },
    LIMIT,
  );

  test("passes every point that is in the code", () => {
    const here = fileURLToPath(new URL(".", import.meta.url));
    const files = readdirSync(here).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
    const found = files.flatMap((name) =>
      [...readFileSync(join(here, name), "utf8").matchAll(/crashPoint\("([^"]+)"\)/g)].map((match) => match[1] ?? ""),
    );
    expect(found.sort()).toEqual([...POINTS].sort());
  });
});
