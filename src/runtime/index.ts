import type { Logger } from "../base/index.ts";
import { openCgroups, type CgroupFacts } from "./cgroups/index.ts";
import { ShimRuntime } from "./session/index.ts";
import type { LayerCalls } from "./users/index.ts";

export type { CgroupFacts } from "./cgroups/index.ts";
export * from "./errors.ts";
export { parseProfile, resolveDefaultProfile, resolveProfile, type SeccompProfile } from "./seccomp/index.ts";
export type * from "./types.ts";
export { lookupUser, type ResolvedUser } from "./users/index.ts";

export interface RuntimeOptions {
  /** The daemon's own directory for what does not outlive the machine; 0700. */
  execRoot: string;
  /** The berth-shim executable, where no container can write. */
  shimPath: string;
  /** `native.cgroupdriver`; default cgroupfs. */
  cgroupDriver?: string;
  calls: LayerCalls;
  logger: Logger;
}

/**
 * The container runtime over this host's cgroups.
 * @throws invalid for a cgroup driver that is not there; unavailable when no cgroups are mounted.
 */
export async function createRuntime(options: RuntimeOptions): Promise<{ runtime: ShimRuntime; cgroups: CgroupFacts }> {
  const { execRoot, shimPath, calls, logger } = options;
  const cgroups = await openCgroups(options.cgroupDriver);
  const runtime = new ShimRuntime({ cgroups, shim: { binary: shimPath }, calls, logger }, execRoot);
  return { runtime, cgroups: cgroups.facts };
}
