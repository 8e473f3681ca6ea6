import type { ContainerConfig } from "../../api/index.ts";
import { envName } from "../create/merge-config.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The environment of a container's PID 1: the engine's own first, replaced in place by the config's, then HOME.
 * @param linked variables of linked containers.
 */
export function containerEnv(config: ContainerConfig, home: string, linked: readonly string[]): string[] {
  const base = [
    `PATH=${DEFAULT_PATH}`,
    ...(config.Hostname ? [`HOSTNAME=${config.Hostname}`] : []),
    ...(config.Tty === true ? ["TERM=xterm"] : []),
    ...linked,
  ];
  return withHome(replaceOrAppend(base, config.Env ?? []), home);
}

/** Entries of `changes` replace those of the same name; one without `=` removes it. */
export function replaceOrAppend(base: readonly string[], changes: readonly string[]): string[] {
  const merged = new Map(base.map((entry) => [envName(entry), entry]));
  for (const entry of changes) {
    if (entry.includes("=")) merged.set(envName(entry), entry);
    else merged.delete(entry);
  }
  return [...merged.values()];
}

export function withHome(env: readonly string[], home: string): string[] {
  const has = env.some((entry) => entry.startsWith("HOME=") && entry !== "HOME=");
  return has ? [...env] : [...env.filter((entry) => entry !== "HOME="), `HOME=${home}`];
}
