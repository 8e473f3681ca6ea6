import type { HostConfig, PortBinding, PortMap } from "../../api/index.ts";
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from "../spec/paths.ts";
import type { ContainerConfiguration } from "../types.ts";
import { networkMode } from "./modes.ts";

/** The request's host config with the daemon's defaults filled in, as it is stored and shown. */
export function withDefaults(host: HostConfig, config: ContainerConfiguration): HostConfig {
  const mode = networkMode(host.NetworkMode);
  const privileged = host.Privileged === true;
  return {
    ...host,
    NetworkMode: mode.kind === "network" ? mode.name : (host.NetworkMode ?? "bridge"),
    ...(host.PortBindings ? { PortBindings: portBindings(host.PortBindings) } : {}),
    LogConfig: logConfig(host.LogConfig, config),
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || "no",
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    CgroupnsMode: host.CgroupnsMode || (privileged && config.cgroupnsMode === "private" ? "host" : config.cgroupnsMode),
    IpcMode: host.IpcMode || config.ipcMode,
    ShmSize: host.ShmSize || config.defaultShmSize,
    Runtime: host.Runtime || config.defaultRuntime,
    MemorySwap: host.MemorySwap || usualSwap(host.Memory ?? 0),
    OomKillDisable: host.OomKillDisable ?? false,
    MaskedPaths: host.MaskedPaths ?? (privileged ? [] : [...DEFAULT_MASKED_PATHS]),
    ReadonlyPaths: host.ReadonlyPaths ?? (privileged ? [] : [...DEFAULT_READONLY_PATHS]),
  };
}

/** As much again as the memory; of more than there are numbers for, any amount. */
function usualSwap(memory: number): number {
  if (memory <= 0) return 0;
  return memory * 2 < 2 ** 63 ? memory * 2 : -1;
}

function portBindings(bindings: PortMap): PortMap {
  const whole = Object.entries(bindings).map(([port, hosts]): [string, PortBinding[]] => [
    port,
    (hosts ?? []).map(({ HostIp = "", HostPort = "" }) => ({ HostIp, HostPort })),
  ]);
  return Object.fromEntries(whole);
}

function logConfig(
  asked: HostConfig["LogConfig"],
  config: ContainerConfiguration,
): NonNullable<HostConfig["LogConfig"]> {
  // The API's type closes the set of names; the daemon's option is checked against the drivers at boot.
  const Type = (asked?.Type || config.logDriver) as NonNullable<NonNullable<HostConfig["LogConfig"]>["Type"]>;
  const inherits = Type === config.logDriver;
  return { Type, Config: { ...(inherits ? config.logOptions : {}), ...asked?.Config } };
}
