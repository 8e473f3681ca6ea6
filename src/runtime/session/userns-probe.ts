import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { unavailable } from "../../base/index.ts";
import type { RootfsMount } from "../../snapshot/index.ts";
import { mappedRoot, type IdMappings } from "../../spec/index.ts";
import { MS_PRIVATE, MS_REC } from "../../sys/index.ts";
import { CLONE, idmappedRootOps, SLOT_ROOT } from "../launch/index.ts";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import { PlanFailure, Shim, type ShimProgram } from "../shim/index.ts";

export interface UserNamespaceProbe {
  shim: ShimProgram;
  /** For the shim's socket. */
  execRoot: string;
  /** Where layers are. */
  dataRoot: string;
  driver: "overlay2" | "vfs";
  ids: IdMappings;
}

/**
 * Makes a root file system for a user namespace as a container's is made, writes to it, and lets go of it.
 * @throws unavailable when this kernel, or the file system of the data root, cannot.
 */
export async function probeUserNamespaces({
  shim,
  execRoot,
  dataRoot,
  driver,
  ids,
}: UserNamespaceProbe): Promise<void> {
  const layers = await mkdtemp(join(dataRoot, ".userns-probe-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(layers, { recursive: true, force: true }));
  const run = await mkdtemp(join(execRoot, "probe-"));
  undo.defer(() => rm(run, { recursive: true, force: true }));
  const [lower = "", upper = "", work = ""] = ["lower", "upper", "work"].map((name) => join(layers, name));
  await Promise.all([lower, upper, work].map((path) => mkdir(path)));
  const rootfs: RootfsMount =
    driver === "vfs"
      ? { type: "bind", source: lower, readOnly: false }
      : { type: "overlay", lower: [lower], upper, work };
  const ops: PlanOp[] = [
    ...idmappedRootOps(rootfs, ids),
    { op: "spawn_init", flags: CLONE.mount, cgroup: "" },
    { op: "propagation", path: "/", flags: MS_REC | MS_PRIVATE },
    { op: "attach_root", slot: SLOT_ROOT },
    // An overlay that cannot write comes up read-only, and says so only in the kernel's log.
    { op: "fs_ids", ...mappedRoot(ids) },
    { op: "make_dir", path: "/probe", mode: 0o755, uid: 0, gid: 0 },
    { op: "wait_start" },
    { op: "exec", argv: ["true"], env: [] },
  ];
  const launched = await Shim.launch(shim, run);
  try {
    const options = { tty: false, stdin: false, stdinOnce: false, log: undefined, oomEvents: undefined };
    await launched.create({ ...options, plan: encodePlan(ops) });
  } catch (error) {
    if (!(error instanceof PlanFailure)) throw error;
    throw unavailable(
      `userns-remap needs a kernel with idmapped mounts of overlay's layers (Linux 6.15 or newer) and a file system ` +
        `that has them at ${dataRoot}: ${error.detail}: ${error.errno}`,
      { cause: error },
    );
  } finally {
    await launched.shutdown();
  }
}
