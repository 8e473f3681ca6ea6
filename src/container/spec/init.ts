import type { HostConfig } from "../../api/index.ts";
import type { MountSpec } from "../../spec/index.ts";
import { namespaceMode } from "../create/modes.ts";
import type { ContainerConfiguration } from "../types.ts";

/** Where a container finds the init, as Docker places it. */
export const INIT_TARGET = "/sbin/docker-init";

/** An init is of use only as PID 1 of a pid namespace that is the container's own. */
export function hasInit(host: HostConfig, config: ContainerConfiguration): boolean {
  return namespaceMode(host.PidMode).kind === "own" && (host.Init ?? config.init);
}

/** `exec`: the host may keep it on a mount of which nothing may be executed, as /run often is. */
export function initMount({ initPath }: ContainerConfiguration): MountSpec {
  return {
    destination: INIT_TARGET,
    type: "bind",
    source: initPath,
    options: ["bind", "ro", "exec", "nosuid", "nodev", "rprivate"],
  };
}
