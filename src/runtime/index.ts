import type { Logger } from "../base/index.ts";
import type { RootfsMount } from "../snapshot/index.ts";
import { openCgroups, type CgroupFacts } from "./cgroups/index.ts";
import { parseProfile, resolveDefaultProfile, resolveProfile } from "./seccomp/index.ts";
import { ShimRuntime } from "./session/index.ts";
import type { Runtime } from "./types.ts";
import { lookupUser, type LayerCalls, type ResolvedUser } from "./users/index.ts";

export type { CgroupFacts } from "./cgroups/index.ts";
export * from "./errors.ts";
export type * from "./types.ts";
export type { ResolvedUser } from "./users/index.ts";

export interface RuntimeOptions {
  /** The daemon's own directory for what does not outlive the machine; 0700, its path at most 60 bytes. */
  execRoot: string;
  /** The berth-shim executable, where no container can write. */
  shimPath: string;
  /** `native.cgroupdriver`; default cgroupfs. */
  cgroupDriver?: string;
  native: LayerCalls;
  logger: Logger;
}

export interface HostRuntime extends Runtime {
  readonly cgroups: CgroupFacts;
  /** Lets go of every shim; they and their containers go on, and another daemon recovers them. */
  disconnect(): void;
}

/**
 * The container runtime over this host's cgroups.
 * @throws invalid for a cgroup driver that is not there; unavailable when no cgroups are mounted.
 */
export async function createRuntime(options: RuntimeOptions): Promise<HostRuntime> {
  const { execRoot, shimPath, native, logger } = options;
  const cgroups = await openCgroups(options.cgroupDriver);
  return new ShimRuntime({ cgroups, shim: { binary: shimPath }, calls: native, logger }, execRoot);
}

/** Users and groups by the files of a root file system, mounted or not. */
export function createUserResolver(native: LayerCalls) {
  return {
    /** @throws unknown (Docker answers 500) with Docker's texts. */
    resolve: (rootfs: RootfsMount, user: string, groups: readonly string[]): ResolvedUser =>
      lookupUser(native, rootfs, user, groups),
  };
}

/** Seccomp profiles for a bounding set; undefined when a profile says nothing. */
export const seccompProfiles = {
  builtin: resolveDefaultProfile,
  /** @throws unknown (Docker answers 500) with Docker's text when `profile` is none. */
  parse: (profile: string, capabilities: readonly string[]) => resolveProfile(parseProfile(profile), { capabilities }),
};
