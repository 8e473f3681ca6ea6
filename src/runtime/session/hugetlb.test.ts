import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { randomId, silentLogger } from "../../base/index.ts";
import { loadNative } from "../../sys/index.ts";
import { findHierarchies, type Hierarchies } from "../cgroups/hierarchies.ts";
import type { CgroupDriver } from "../cgroups/types.ts";
import { CgroupV1 } from "../cgroups/v1.ts";
import { CgroupV2 } from "../cgroups/v2.ts";
import { overlayNeedsMount2 } from "../shim/index.ts";
import { BusyboxImage, whyNoBusybox } from "../testing/busybox.ts";
import { containerSpec } from "../testing/container-spec.ts";
import { PlanLauncher } from "./plan-launcher.ts";
import { ShimRuntime } from "./shim-runtime.ts";

// A limit of huge pages is a matter of the runtime's specification: Docker's API has none.

const LIMIT = 60_000;
const PAGE = 2 << 20;
const PAGES = "/proc/sys/vm/nr_hugepages";
const shimPath = fileURLToPath(new URL("../../../build/berth-shim", import.meta.url));

/** Touches so many huge pages. */
const HOG = `
#include <stdlib.h>
#include <sys/mman.h>
int main(int argc, char **argv) {
  size_t size = (size_t)atoi(argv[argc - 1]) * ${PAGE};
  char *pages = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (pages == MAP_FAILED) return 1;
  for (size_t at = 0; at < size; at += ${PAGE}) pages[at] = 1;
  return 0;
}
`;

const reason =
  whyNoBusybox() ??
  (existsSync(shimPath) ? undefined : `${shimPath} is not built`) ??
  (existsSync("/sys/kernel/mm/hugepages/hugepages-2048kB") ? undefined : "this kernel has no pages of 2 MiB") ??
  (spawnSync("cc", ["--version"]).status === 0 ? undefined : "there is no cc to make the program with");
if (reason !== undefined) console.log(`skipped: limits of huge pages: ${reason}`);

const pages = () => Number(readFileSync(PAGES, "utf8"));

describe.skipIf(reason !== undefined)("a program that needs more huge pages than its limit", () => {
  const image = new BusyboxImage();
  const execRoot = join(image.directory, "run");
  const parent = `/berth-test-huge-${process.pid}`;
  let hierarchies: Hierarchies;
  let before = 0;

  beforeAll(async () => {
    before = pages();
    await writeFile(PAGES, String(before + 4)).catch(() => undefined); // the tests tell that there are none
    hierarchies = await findHierarchies();
    writeFileSync(join(image.directory, "hog.c"), HOG);
    execFileSync("cc", ["-static", "-o", join(image.layer, "bin/hog"), join(image.directory, "hog.c")]);
    mkdirSync(execRoot, { recursive: true, mode: 0o700 });
  });
  const removeParents = (v1: Hierarchies["v1"]) => {
    for (const { mountpoint } of v1) if (existsSync(mountpoint + parent)) rmdirSync(mountpoint + parent);
  };
  afterAll(() => {
    removeParents(hierarchies.v1);
    const { unified } = hierarchies;
    if (unified !== undefined && existsSync(unified + parent)) rmdirSync(unified + parent);
    image[Symbol.dispose]();
    if (pages() !== before) writeFileSync(PAGES, String(before));
  });

  /** How a container ends that touches so many pages and may have two. */
  async function touch(cgroups: CgroupDriver, pages: number): Promise<number> {
    const calls = loadNative();
    const builtIn = new PlanLauncher(cgroups, calls);
    const shim = { binary: shimPath, overlayByMount2: await overlayNeedsMount2(calls) };
    const context = { cgroups, shim, calls, logger: silentLogger };
    const id = randomId();
    const spec = containerSpec(id, ["hog", String(pages)], (made) => {
      made.linux.cgroupsPath = `${parent}/${id}`;
      // One of another mount namespace cannot be shown to it.
      made.mounts = made.mounts.filter(({ type }) => type !== "cgroup");
      made.linux.resources.hugepageLimits = [{ pageSize: "2MB", limit: 2 * PAGE }];
    });
    const request = { id, spec, rootfs: image.rootfs(), runtime: undefined, stdin: { open: false, once: false } };
    const runtime = new ShimRuntime(context, { builtIn, external: () => builtIn }, execRoot);
    const task = await runtime.create({ ...request, log: undefined }, new AbortController().signal);
    try {
      await task.start();
      return (await task.exited).code;
    } finally {
      await task.release();
    }
  }

  async function expectLimit(cgroups: CgroupDriver): Promise<void> {
    if (pages() < before + 4) return console.log("skipped: limits of huge pages: this machine gives none");
    expect(cgroups.facts.hugetlb).toBe(true);
    expect(await touch(cgroups, 2)).toBe(0);
    // SIGBUS
    expect(await touch(cgroups, 3)).toBe(128 + 7);
  }

  test(
    "is ended on version 1",
    async () => {
      if (hierarchies.v1.some(({ controllers }) => controllers.includes("hugetlb")))
        return await expectLimit(new CgroupV1(hierarchies));
      const mount = await PrivateMount.of(image.directory);
      if (typeof mount === "string") return console.log(`skipped: huge pages on version 1 of cgroups: ${mount}`);
      await using _mount = mount;
      const v1 = [...hierarchies.v1, { mountpoint: mount.path, controllers: ["hugetlb"] }];
      try {
        await expectLimit(new CgroupV1({ ...hierarchies, v1 }));
      } finally {
        removeParents(v1);
      }
    },
    LIMIT,
  );

  test(
    "is ended on version 2",
    async () => {
      const { unified } = hierarchies;
      const offered = unified === undefined ? "" : readFileSync(`${unified}/cgroup.controllers`, "utf8");
      if (unified === undefined || !offered.split(/\s/).includes("hugetlb"))
        return console.log("skipped: huge pages on version 2 of cgroups, which does not have that controller here");
      const control = `${unified}/cgroup.subtree_control`;
      const had = readFileSync(control, "utf8").split(/\s/).includes("hugetlb");
      try {
        await expectLimit(new CgroupV2(unified));
      } finally {
        if (existsSync(unified + parent)) rmdirSync(unified + parent);
        if (!had) await writeFile(control, "-hugetlb").catch(() => undefined); // somebody else has it by now
      }
    },
    LIMIT,
  );
});

/** Version 1's controller of huge pages, where nobody else who looks for hierarchies finds it. */
class PrivateMount implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly path: string;

  private constructor(holder: ChildProcess, path: string) {
    this.#holder = holder;
    this.path = path;
  }

  /** Why there is none, otherwise. */
  static async of(folder: string): Promise<PrivateMount | string> {
    const script = 'mkdir "$1" && mount -t cgroup -o hugetlb huge "$1" && echo ready && read line';
    const place = join(folder, "hugetlb");
    const holder = spawn("unshare", ["-m", "--propagation=private", "sh", "-c", script, "sh", place]);
    let complaint = "";
    holder.stderr.on("data", (data: Buffer) => (complaint += data.toString()));
    const failure = await new Promise<string | undefined>((resolve) => {
      holder.stdout.once("data", () => resolve(undefined));
      holder.once("error", (error) => resolve(error.message));
      holder.once("close", () => resolve(complaint.trim().replaceAll(/\s+/g, " ")));
    });
    if (failure !== undefined) return failure;
    // Beneath /proc the shim writes to nothing but procfs.
    const link = join(folder, "hierarchy");
    symlinkSync(`/proc/${holder.pid}/root${place}`, link);
    return new PrivateMount(holder, link);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The kernel lets go of removed cgroups by and by; a hierarchy that is unmounted before that stays for ever.
    await untilItsRow(/^hugetlb\t\d+\t1\t/m);
    const ended = new Promise((resolve) => this.#holder.once("exit", resolve));
    this.#holder.kill();
    await ended;
    // Version 2 has it again.
    await untilItsRow(/^hugetlb\t0\t/m);
  }
}

/** Waits for that row in /proc/cgroups: controller, hierarchy, cgroups. */
async function untilItsRow(row: RegExp): Promise<void> {
  for (let waited = 0; !row.test(readFileSync("/proc/cgroups", "utf8")); waited += 20) {
    if (waited > LIMIT / 2) throw new Error(`/proc/cgroups never has ${row}`);
    await sleep(20);
  }
}
