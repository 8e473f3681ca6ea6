import { isIP } from "node:net";
import type { ContainerConfig, HealthConfig, HostConfig, PortMap, RestartPolicy } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import { quote } from "../../template/index.ts";
import { validateRestartOnUnhealthy } from "../health/unhealthy.ts";
import { parseSignal } from "../signals.ts";
import { envName } from "./merge-config.ts";

const MILLISECOND = 1_000_000;

/** Checks the parts of a create body that need nothing of the host, with Docker's texts. @throws invalid. */
export function validateConfig(config: ContainerConfig, host: HostConfig): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  for (const entry of config.Env ?? [])
    if (envName(entry) === "") throw invalid(`invalid environment variable: ${entry}`);
  if (config.StopSignal) parseSignal(config.StopSignal);
  if (config.Healthcheck !== undefined && config.Healthcheck !== null) validateHealth(config.Healthcheck);
  validateHost(host);
  validateRestartOnUnhealthy(config, host);
}

function validateHost(host: HostConfig): void {
  if (host.AutoRemove === true && host.RestartPolicy?.Name && host.RestartPolicy.Name !== "no") {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  checkPortBindings(host.PortBindings ?? {});
  validateRestartPolicy(host.RestartPolicy ?? {});
  if (host.Isolation && host.Isolation.toLowerCase() !== "default") {
    throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  }
  if (Object.hasOwn(host.Annotations ?? {}, "")) {
    throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  }
}

function validateHealth(health: HealthConfig): void {
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = health[key] ?? 0;
    if (value !== 0 && value < MILLISECOND) throw invalid(`${key} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid("Retries in Healthcheck cannot be negative");
}

/** @throws invalid as Docker's ValidateRestartPolicy. */
export function validateRestartPolicy(policy: RestartPolicy): void {
  const count = policy.MaximumRetryCount ?? 0;
  // Written by clients: the type's closed set is what is checked here.
  const name: string = policy.Name ?? "";
  switch (name) {
    case "always":
    case "unless-stopped":
    case "no":
    case "":
      if (count !== 0) {
        throw invalid(
          "invalid restart policy: maximum retry count can only be used with 'on-failure'" +
            (count < 0 ? " and cannot be negative" : ""),
        );
      }
      return;
    case "on-failure":
      if (count < 0) throw invalid("invalid restart policy: maximum retry count cannot be negative");
      return;
    default:
      throw invalid(
        `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      );
  }
}

function checkExtraHost(entry: string): void {
  const separator = entry.indexOf(":");
  if (separator <= 0) throw invalid(`bad format for add-host: "${entry}"`);
  const address = entry.slice(separator + 1);
  if (address !== "host-gateway" && isIP(address) === 0) throw invalid(`invalid IP address in add-host: "${address}"`);
}

/** Addresses and protocols are checked when the ports are bound. */
function checkPortBindings(bindings: PortMap): void {
  for (const [port, hosts] of Object.entries(bindings)) {
    checkPort(port.split("/")[0] ?? "");
    for (const binding of hosts ?? []) if (binding.HostPort) checkPortRange(binding.HostPort);
  }
}

/** Clients take ranges of a container's ports apart. */
function checkPort(text: string): void {
  if (text.includes("-")) throw invalid(`invalid port specification: ${quote(text)}`);
  checkPortRange(text);
}

/** `80` or `8000-8010`. */
function checkPortRange(text: string): void {
  const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(range?.[1]);
  const last = Number(range?.[2] ?? range?.[1]);
  if (range === null || first > last || last > 65535) throw invalid(`invalid port specification: ${quote(text)}`);
}
