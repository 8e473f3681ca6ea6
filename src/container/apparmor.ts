import { invalid } from "../base/index.ts";

/** What the kernel has of AppArmor; undefined: it has none, or it is off. */
export interface AppArmorFacts {
  /** Names of the profiles that are loaded now; undefined where the kernel does not show them. */
  loaded(): ReadonlySet<string> | undefined;
}

/** Docker's own profile, where the host has it. */
const DEFAULT_PROFILE = "docker-default";

/**
 * The profile that a process gets; undefined: it keeps the daemon's. As in Docker an option has no effect where the kernel
 * has no AppArmor; where it has, a profile is applied or the start is refused.
 * @param wanted by `--security-opt apparmor=…`.
 * @throws invalid when it is not loaded.
 */
export function appArmorProfile(
  wanted: string | undefined,
  privileged: boolean,
  facts: AppArmorFacts | undefined,
): string | undefined {
  if (facts === undefined) return undefined;
  const loaded = facts.loaded();
  if (wanted === undefined) return !privileged && loaded?.has(DEFAULT_PROFILE) === true ? DEFAULT_PROFILE : undefined;
  if (wanted !== "unconfined" && loaded?.has(wanted) === false) {
    throw invalid(`apparmor profile "${wanted}" is not loaded on this host`);
  }
  return wanted;
}
