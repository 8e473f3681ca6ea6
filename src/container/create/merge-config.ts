import { posix } from "node:path";
import type { ContainerConfig, HealthConfig } from "../../api/index.ts";
import type { ImageRunConfig } from "../../spec/index.ts";
import { noCommand } from "../errors.ts";

/**
 * The container's config: what the request leaves open comes from the image.
 * Lists of environment, labels, ports and volumes are joined (the request wins); an entrypoint of the request drops the
 * image's command; an entrypoint of one empty text drops the image's entrypoint.
 * @throws invalid `no command specified`.
 */
export function mergeConfig(request: ContainerConfig, image: ImageRunConfig): ContainerConfig {
  const merged: ContainerConfig = {
    ...request,
    User: request.User || image.User || "",
    Env: mergeEnv(request.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...request.Labels },
    WorkingDir: cleanPath(request.WorkingDir || image.WorkingDir || ""),
    ...mergeCommand(request, image),
  };
  const ports = { ...image.ExposedPorts, ...request.ExposedPorts };
  if (Object.keys(ports).length > 0) merged.ExposedPorts = ports;
  const volumes = { ...image.Volumes, ...request.Volumes };
  if (Object.keys(volumes).length > 0) merged.Volumes = volumes;
  const health = mergeHealth(request.Healthcheck, image.Healthcheck ?? undefined);
  if (health !== undefined) merged.Healthcheck = health;
  const signal = request.StopSignal || image.StopSignal;
  if (signal) merged.StopSignal = signal;
  const shell = request.Shell?.length ? request.Shell : image.Shell;
  if (shell?.length) merged.Shell = shell;
  return merged;
}

type Command = Pick<ContainerConfig, "Entrypoint" | "Cmd">;

function mergeCommand(request: ContainerConfig, image: ImageRunConfig): Command {
  let entrypoint = request.Entrypoint ?? undefined;
  let command = request.Cmd ?? [];
  if (entrypoint === undefined || entrypoint.length === 0) {
    if (command.length === 0) command = image.Cmd ?? [];
    entrypoint ??= image.Entrypoint ?? [];
  }
  if (entrypoint.length === 1 && entrypoint[0] === "") entrypoint = [];
  if (entrypoint.length === 0 && command.length === 0) throw noCommand();
  return {
    ...(entrypoint.length > 0 ? { Entrypoint: entrypoint } : { Entrypoint: [] }),
    ...(command.length > 0 ? { Cmd: command } : { Cmd: [] }),
  };
}

function cleanPath(path: string): string {
  return path === "" ? "" : posix.resolve("/", path);
}

function mergeEnv(request: readonly string[], image: readonly string[]): string[] {
  const named = new Set(request.map(envName));
  return [...request, ...image.filter((entry) => !named.has(envName(entry)))];
}

export function envName(entry: string): string {
  return entry.split("=", 1)[0] ?? "";
}

function mergeHealth(request: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (image === undefined || request === undefined) return request ?? image;
  const merged: HealthConfig = { ...image };
  if (request.Test?.length) merged.Test = request.Test;
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] as const) {
    const value = request[key];
    if (value) merged[key] = value;
  }
  return merged;
}
