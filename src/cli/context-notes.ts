import { DEFAULT_HOST, type EndpointSettings, environmentHost } from "../client/index.ts";
import type { Io } from "./io.ts";

/** Where the context `default` leads. */
export function defaultHost(settings: EndpointSettings): string {
  return settings.hosts[0] ?? environmentHost(settings.env) ?? DEFAULT_HOST;
}

/** Says on standard error that the environment decides, whatever context is chosen. */
export function warnEnvironmentHost(io: Io, name: string): void {
  if (environmentHost(io.env) === undefined) return;
  const variable = (io.env["BERTH_HOST"] ?? "") === "" ? "DOCKER_HOST" : "BERTH_HOST";
  io.err(
    `Warning: ${variable} environment variable overrides the active context. ` +
      `To use ${name}, either set the global --context flag, or unset ${variable} environment variable.\n`,
  );
}
