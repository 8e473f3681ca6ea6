import { basename, join } from "node:path";
import type { Logger } from "../base/index.ts";
import { openCgroups, type CgroupFacts, type CgroupOptions } from "./cgroups/index.ts";
import { OciLauncher, type MountCalls } from "./oci/index.ts";
import type { IdMappings } from "../spec/index.ts";
import { PlanLauncher, probeUserNamespaces, ShimRuntime } from "./session/index.ts";
import { overlayNeedsMount2, ShimPool } from "./shim/index.ts";
import { type BlockingCalls, makeSpreadDirectory } from "../sys/index.ts";
import type { LayerCalls } from "./users/index.ts";

export { slicePath, type CgroupFacts, type CgroupOptions } from "./cgroups/index.ts";
export * from "./errors.ts";
export { parseProfile, resolveDefaultProfile, resolveProfile } from "./seccomp/index.ts";
export type * from "./types.ts";
export { lookupUser } from "./users/index.ts";

export interface RuntimeOptions {
  /** The daemon's own directory for what does not outlive the machine; 0700. */
  execRoot: string;
  /** The berth-shim executable, where no container can write. */
  shimPath: string;
  cgroups?: CgroupOptions;
  /** Other OCI runtimes, name to path (`--add-runtime`). */
  runtimes?: Readonly<Record<string, string>>;
  calls: LayerCalls & MountCalls & Pick<BlockingCalls, "fileSteps" | "readFiles">;
  logger: Logger;
  /** Supervisors that are started before they are needed; default none. */
  poolSize?: number;
  /** Ids of containers on the host, and the place of their layers; undefined: no container has a user namespace. */
  userns?: { ids: IdMappings; dataRoot: string; driver: "overlay2" | "vfs" } | undefined;
}

/** Supervisors that wait for a container. */
export interface SparePool extends AsyncDisposable {
  readonly ready: number;
}

/**
 * The container runtime over this host's cgroups.
 * @throws invalid for a cgroup driver that is not there; unavailable when no cgroups are mounted, or when user namespaces
 * are asked for that cannot be had.
 */
export async function createRuntime(
  options: RuntimeOptions,
): Promise<{ runtime: ShimRuntime; cgroups: CgroupFacts; spares: SparePool }> {
  const { execRoot, shimPath, calls, logger } = options;
  const cgroups = await openCgroups(options.cgroups);
  const launchers = {
    builtIn: new PlanLauncher(cgroups, calls),
    external: (program: string) => new OciLauncher(program, join(execRoot, "oci", basename(program)), calls, logger),
  };
  const program = { binary: shimPath, overlayByMount2: await overlayNeedsMount2(calls) };
  const { poolSize = 0 } = options;
  const spares = await ShimPool.open({ program, root: join(execRoot, "spare"), size: poolSize, logger });
  for (const name of poolSize > 0 ? ["tasks", "spare"] : ["tasks"])
    await makeSpreadDirectory(calls, join(execRoot, name), 0o700);
  const context = { cgroups, shim: program, calls, spares, logger };
  if (options.userns !== undefined) await probeUserNamespaces({ ...options.userns, shim: context.shim, execRoot });
  const runtime = new ShimRuntime(context, launchers, execRoot, options.runtimes);
  return { runtime, cgroups: cgroups.facts, spares };
}
