import { basename, join } from "node:path";
import type { Logger } from "../base/index.ts";
import { openCgroups, type CgroupFacts } from "./cgroups/index.ts";
import { OciLauncher, type MountCalls } from "./oci/index.ts";
import { PlanLauncher, ShimRuntime } from "./session/index.ts";
import type { LayerCalls } from "./users/index.ts";

export type { CgroupFacts } from "./cgroups/index.ts";
export * from "./errors.ts";
export { parseProfile, resolveDefaultProfile, resolveProfile } from "./seccomp/index.ts";
export type * from "./types.ts";
export { lookupUser } from "./users/index.ts";

export interface RuntimeOptions {
  /** The daemon's own directory for what does not outlive the machine; 0700. */
  execRoot: string;
  /** The berth-shim executable, where no container can write. */
  shimPath: string;
  /** `native.cgroupdriver`; default cgroupfs. */
  cgroupDriver?: string;
  /** Other OCI runtimes, name to path (`--add-runtime`). */
  runtimes?: Readonly<Record<string, string>>;
  calls: LayerCalls & MountCalls;
  logger: Logger;
}

/**
 * The container runtime over this host's cgroups.
 * @throws invalid for a cgroup driver that is not there; unavailable when no cgroups are mounted.
 */
export async function createRuntime(options: RuntimeOptions): Promise<{ runtime: ShimRuntime; cgroups: CgroupFacts }> {
  const { execRoot, shimPath, calls, logger } = options;
  const cgroups = await openCgroups(options.cgroupDriver);
  const launchers = {
    builtIn: new PlanLauncher(cgroups, calls),
    external: (program: string) => new OciLauncher(program, join(execRoot, "oci", basename(program)), calls, logger),
  };
  const context = { cgroups, shim: { binary: shimPath }, logger };
  const runtime = new ShimRuntime(context, launchers, execRoot, options.runtimes);
  return { runtime, cgroups: cgroups.facts };
}
