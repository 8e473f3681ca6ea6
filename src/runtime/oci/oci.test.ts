import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomId, silentLogger } from "../../base/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { loadNative } from "../../sys/index.ts";
import { findHierarchies } from "../cgroups/hierarchies.ts";
import { LaunchError } from "../errors.ts";
import { createRuntime } from "../index.ts";
import { BusyboxImage, whyNoBusybox } from "../testing/busybox.ts";
import { containerSpec } from "../testing/container-spec.ts";
import { drain } from "../testing/output.ts";
import { rejectionOf } from "../testing/rejection.ts";
import type { Task } from "../types.ts";
import { toConfigJson } from "./config-json.ts";

const shimPath = fileURLToPath(new URL("../../../build/berth-shim", import.meta.url));
const runc = ["/usr/bin/runc", "/usr/sbin/runc", "/usr/local/sbin/runc"].find((path) => existsSync(path));
const reason =
  whyNoBusybox() ??
  (existsSync(shimPath) ? undefined : `${shimPath} is not built`) ??
  (runc === undefined ? "runc is not installed" : undefined);
if (reason !== undefined) console.log(`skipped: ${reason}`);

const LIMIT = 120_000;
const NO_KEYS = new Uint8Array();

test("a bundle's config leaves out what only berth knows", () => {
  const spec = containerSpec("a".repeat(64), ["true"], (made) =>
    made.mounts.push({ destination: "/x", type: "bind", source: "/v/sub", options: ["rbind"], beneath: "/v" }),
  );
  const config = JSON.parse(toConfigJson(spec, "/bundle/rootfs"));
  expect(config.root).toEqual({ path: "/bundle/rootfs", readonly: false });
  expect(config.mounts.at(-1)).toEqual({ destination: "/x", type: "bind", source: "/v/sub", options: ["rbind"] });
  expect(config.linux.seccomp.defaultAction).toBe("SCMP_ACT_ERRNO");
});

describe.skipIf(reason !== undefined)("a container of runc", () => {
  const image = new BusyboxImage();
  const execRoot = join(image.directory, "run");
  const parent = `/berth-test-oci-${process.pid}`;
  const opened = open();

  async function open() {
    mkdirSync(execRoot, { recursive: true, mode: 0o700 });
    const runtimes = { other: runc ?? "" };
    return await createRuntime({ execRoot, shimPath, runtimes, calls: loadNative(), logger: silentLogger });
  }

  afterAll(async () => {
    const { runtime } = await opened;
    await runtime.sweep(new Set());
    const { v1, unified } = await findHierarchies();
    for (const root of [...v1.map(({ mountpoint }) => mountpoint), unified ?? ""]) {
      if (root !== "" && existsSync(root + parent)) rmdirSync(root + parent);
    }
    image[Symbol.dispose]();
  });

  async function create(args: string[], change: (spec: RuntimeSpec) => void = () => undefined): Promise<Task> {
    const { runtime } = await opened;
    const id = randomId();
    const spec = containerSpec(id, args, (made) => {
      made.linux.cgroupsPath = `${parent}/${id}`;
      change(made);
    });
    const stdin = { open: false, once: false };
    const request = { id, spec, rootfs: image.rootfs(), runtime: "other", stdin, log: undefined };
    return await runtime.create(request, new AbortController().signal);
  }

  async function refusal(work: Promise<unknown>): Promise<LaunchError> {
    const error = await rejectionOf(work);
    if (error instanceof LaunchError) return error;
    throw error;
  }

  test(
    "has the same world, runs further commands and leaves nothing",
    async () => {
      const { runtime } = await opened;
      expect(runtime.names).toContain("other");
      await using stack = new AsyncDisposableStack();
      const task = await create(["sh", "-c", "grep -E '^(CapEff|Seccomp:)' /proc/self/status; hostname; sleep 100000"]);
      stack.defer(() => task.release());
      const stdio = await task.attach({ stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS });
      await task.start();
      let text = "";
      for await (const { data } of stdio.output) {
        text += Buffer.from(data).toString();
        if (text.split("\n").length > 3) break;
      }
      expect(text).toBe(`CapEff:\t00000000a80425fb\nSeccomp:\t2\n${task.id.slice(0, 12)}\n`);

      const { process } = containerSpec("x", ["sh", "-c", "hostname; exit 3"]);
      const streams = { stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS };
      const exec = await task.exec({ execId: randomId(), process, privileged: false, ...streams });
      expect(exec.stdio === undefined ? "" : await drain(exec.stdio)).toBe(`${task.id.slice(0, 12)}\n`);
      expect(await exec.exited).toBe(3);
      expect((await task.stats()).cpu.totalNanos).toBeGreaterThan(0);

      await task.kill(9);
      expect((await task.exited).code).toBe(137);
      await task.release();
      expect(readdirSync(join(execRoot, "tasks"))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(image.directory);
    },
    LIMIT,
  );

  test(
    "says why it cannot be made, in runc's words",
    async () => {
      const error = await refusal(create(["nosuch"]));
      expect(error.message).toContain("OCI runtime create failed: runc create failed: ");
      expect(error.message).toContain('exec: "nosuch": executable file not found in $PATH');
      expect(error).toMatchObject({ exitCode: 127, kind: "invalid" });
      expect(readdirSync(join(execRoot, "tasks"))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(image.directory);
    },
    LIMIT,
  );

  test(
    "has a terminal",
    async () => {
      await using stack = new AsyncDisposableStack();
      const task = await create(["sh", "-c", "tty; exit 6"], (spec) => (spec.process.terminal = true));
      stack.defer(() => task.release());
      const stdio = await task.attach({ stdin: false, stdout: true, stderr: true, detachKeys: NO_KEYS });
      await task.start();
      expect(await drain(stdio)).toBe("/dev/pts/0\r\n");
      expect((await task.exited).code).toBe(6);
    },
    LIMIT,
  );

  test(
    "is found again, and swept with its mounts, by the next daemon",
    async () => {
      const { runtime: first } = await open();
      const id = randomId();
      const spec = containerSpec(id, ["sleep", "100000"], (made) => (made.linux.cgroupsPath = `${parent}/${id}`));
      const stdin = { open: false, once: false };
      const made = { id, spec, rootfs: image.rootfs(), runtime: "other", stdin, log: undefined };
      const task = await first.create(made, new AbortController().signal);
      await task.start();
      first.disconnect();
      const { runtime: second } = await open();
      expect((await second.recover(id))?.pid).toBe(task.pid);
      second.disconnect();
      const { runtime: third } = await open();
      await third.sweep(new Set());
      expect(readdirSync(join(execRoot, "tasks"))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(image.directory);
      expect(existsSync(join(image.layer, "bin/busybox"))).toBe(true);
    },
    LIMIT,
  );
});
