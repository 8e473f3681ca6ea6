import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errnoOf, messageOf, randomId, silentLogger } from "../../base/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { loadNative } from "../../sys/index.ts";
import { findHierarchies, isUnified } from "../cgroups/hierarchies.ts";
import { CgroupV2 } from "../cgroups/v2.ts";
import { BusyboxImage, whyNoBusybox } from "../testing/busybox.ts";
import { containerSpec } from "../testing/container-spec.ts";
import { drain } from "../testing/output.ts";
import { PlanLauncher } from "./plan-launcher.ts";
import { ShimRuntime } from "./shim-runtime.ts";
import { probeUserNamespaces } from "./userns-probe.ts";

const shimPath = fileURLToPath(new URL("../../../build/berth-shim", import.meta.url));
const hierarchies = await findHierarchies();
const unified = hierarchies.unified ?? "";
const reason =
  whyNoBusybox() ??
  (existsSync(shimPath) ? undefined : `${shimPath} is not built`) ??
  (unified === "" ? "no cgroup2 is mounted" : undefined) ??
  (isUnified(hierarchies) ? "every test runs on cgroup v2 here" : undefined);
if (reason !== undefined) console.log(`skipped: ${reason}`);

const LIMIT = 60_000;
const NO_KEYS = new Uint8Array();

/** A hybrid host's cgroup2 has few controllers, but all that v2 does in another way: birth, devices, freezer, kill. */
describe.skipIf(reason !== undefined)("a container on cgroup v2", () => {
  const image = new BusyboxImage();
  const execRoot = join(image.directory, "run");
  const parent = `/berth-test-v2-${process.pid}`;
  const cgroups = reason === undefined ? new CgroupV2(unified) : undefined;

  const control = `${unified}/cgroup.subtree_control`;
  const controllers = () => (reason === undefined ? readFileSync(control, "utf8").split(/\s+/).filter(Boolean) : []);
  const before = controllers();

  afterAll(() => {
    if (existsSync(unified + parent)) rmdirSync(unified + parent);
    // What the host had not handed down is free for version 1 again, unless somebody else has it by now.
    for (const controller of controllers().filter((each) => !before.includes(each))) {
      try {
        writeFileSync(control, `-${controller}`);
      } catch (error) {
        if (errnoOf(error) !== "EBUSY") throw error;
      }
    }
    image[Symbol.dispose]();
  });

  async function create(args: string[], change: (spec: RuntimeSpec) => void = () => undefined) {
    if (cgroups === undefined) throw new Error("skipped");
    mkdirSync(execRoot, { recursive: true, mode: 0o700 });
    const builtIn = new PlanLauncher(cgroups, loadNative());
    const launchers = { builtIn, external: () => builtIn };
    const context = { cgroups, shim: { binary: shimPath }, calls: loadNative(), logger: silentLogger };
    const id = randomId();
    const spec = containerSpec(id, args, (made) => {
      made.linux.cgroupsPath = `${parent}/${id}`;
      made.linux.namespaces.push({ type: "cgroup" });
      change(made);
    });
    const request = { id, spec, rootfs: image.rootfs(), runtime: undefined, stdin: { open: false, once: false } };
    return await new ShimRuntime(context, launchers, execRoot).create(
      { ...request, log: undefined },
      new AbortController().signal,
    );
  }

  async function run(args: string[], change?: (spec: RuntimeSpec) => void): Promise<string> {
    await using stack = new AsyncDisposableStack();
    const task = await create(args, change);
    stack.defer(() => task.release());
    const stdio = await task.attach({ stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS });
    await task.start();
    const text = await drain(stdio);
    await task.exited;
    return text;
  }

  test(
    "is born in its cgroup, which is the root of what it sees",
    async () => {
      expect(await run(["grep", "0::", "/proc/self/cgroup"])).toBe("0::/\n");
    },
    LIMIT,
  );

  test(
    "enters its cgroup before its user namespace, from which it could not",
    async () => {
      const ids = {
        uids: [{ containerID: 0, hostID: 300000, size: 1000 }],
        gids: [{ containerID: 0, hostID: 300000, size: 1000 }],
      };
      mkdirSync(execRoot, { recursive: true, mode: 0o700 });
      const lacking = await probeUserNamespaces({
        shim: { binary: shimPath },
        execRoot,
        dataRoot: image.directory,
        driver: image.rootfs().type === "bind" ? "vfs" : "overlay2",
        ids,
      }).catch(messageOf);
      if (lacking !== undefined) return console.log(`skipped: ${lacking}`);
      const said = await run(["sh", "-c", "grep 0:: /proc/self/cgroup; cat /proc/self/uid_map"], (spec) => {
        spec.linux.namespaces.push({ type: "user" });
        spec.linux.uidMappings = ids.uids;
        spec.linux.gidMappings = ids.gids;
        spec.linux.sysctl = {};
      });
      expect(said.trim().split(/\s+/)).toEqual(["0::/", "0", "300000", "1000"]);
    },
    LIMIT,
  );

  test(
    "keeps to its device rules",
    async () => {
      const script =
        "exec 2>&1; mknod /tmp/sda b 254 0 && cat /tmp/sda; mknod /tmp/null c 1 3 && echo x > /tmp/null && echo fine";
      expect(await run(["sh", "-c", script])).toBe("cat: can't open '/tmp/sda': Operation not permitted\nfine\n");
    },
    LIMIT,
  );

  test(
    "is paused, goes on, takes commands, is killed and leaves nothing",
    async () => {
      const task = await create(["sleep", "100000"]);
      await using stack = new AsyncDisposableStack();
      stack.defer(() => task.release());
      await task.start();
      await task.pause();
      await task.resume();
      const { process } = containerSpec("x", ["grep", "0::", "/proc/self/cgroup"]);
      const streams = { stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS };
      const exec = await task.exec({ execId: randomId(), process, privileged: false, ...streams });
      let text = "";
      if (exec.stdio !== undefined)
        for await (const { data } of exec.stdio.output) text += Buffer.from(data).toString();
      expect([text, await exec.exited]).toEqual(["0::/\n", 0]);
      expect(await task.pids()).toEqual([task.pid]);
      expect((await task.stats()).cpu.totalNanos).toBeGreaterThan(0);
      await task.kill(9, { all: true });
      expect((await task.exited).code).toBe(137);
      await task.release();
      expect(existsSync(`${unified}${parent}/${task.id}`)).toBe(false);
    },
    LIMIT,
  );
});
