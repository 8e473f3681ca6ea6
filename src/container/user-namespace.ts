import type { HostConfig } from "../api/index.ts";
import { invalid } from "../base/index.ts";
import type { IdMappings } from "../spec/index.ts";
import { namespaceMode, networkMode } from "./create/modes.ts";
import type { ContainerConfiguration } from "./types.ts";

type Config = Pick<ContainerConfiguration, "userns">;

/** The container's ids on the host; undefined when it is in the host's user namespace (`--userns host`, or no remapping). */
export function idMappings(host: HostConfig, { userns }: Config): IdMappings | undefined {
  return host.UsernsMode === "host" ? undefined : userns;
}

/** @throws invalid with Docker's texts for what does not go with a user namespace of the container's own. */
export function validateUserNamespace(host: HostConfig, config: Config): void {
  if (idMappings(host, config) === undefined) return;
  if (host.Privileged === true) {
    throw invalid(
      "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
    );
  }
  if (networkMode(host.NetworkMode).kind === "host") {
    throw invalid("cannot share the host's network namespace when user namespaces are enabled");
  }
  if (namespaceMode(host.PidMode).kind === "host") {
    throw invalid("cannot share the host PID namespace when user namespaces are enabled");
  }
}
