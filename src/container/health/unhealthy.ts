import type { ContainerConfig, HostConfig } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import { RESTART_ON_UNHEALTHY } from "../../spec/index.ts";

/** Whether the container is ended, and left to its restart policy, when its health check finds it unhealthy. */
export function restartsOnUnhealthy(config: ContainerConfig, host: HostConfig): boolean {
  return asked(config, host) === "true";
}

/** @throws invalid for a value that is neither true nor false, and for true without a policy that starts it again. */
export function validateRestartOnUnhealthy(config: ContainerConfig, host: HostConfig): void {
  const value = asked(config, host);
  if (value === undefined || value === "false") return;
  if (value !== "true") throw invalid(`invalid ${RESTART_ON_UNHEALTHY}: ${value}: use 'true' or 'false'`);
  const policy = host.RestartPolicy?.Name ?? "";
  if (policy === "" || policy === "no") throw invalid(`${RESTART_ON_UNHEALTHY} needs a restart policy`);
}

function asked(config: ContainerConfig, host: HostConfig): string | undefined {
  return host.Annotations?.[RESTART_ON_UNHEALTHY] ?? config.Labels?.[RESTART_ON_UNHEALTHY];
}
