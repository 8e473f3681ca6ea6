import { stat } from "node:fs/promises";
import type { ContainerCreateBody, EndpointSettings, HostConfig, Mount } from "../../api/index.ts";
import { errnoOf, invalid, unknown } from "../../base/index.ts";
import { unknownOptions } from "../../network/index.ts";
import { boundingSet } from "../capabilities.ts";
import { noLogDriver } from "../errors.ts";
import { validateUserNamespace } from "../user-namespace.ts";
import type { ContainerRegistry } from "../registry.ts";
import { slicePath } from "../../runtime/index.ts";
import { parseSecurityOptions } from "../security-options.ts";
import { quote } from "../../template/index.ts";
import type { ContainerDependencies } from "../types.ts";
import { networkMode, namespaceMode, validateModes } from "./modes.ts";
import type { WantedMount } from "./mounts.ts";
import { validateConfig } from "./validate-config.ts";
import { validateHostLimits, validateResources } from "./validate-resources.ts";

type Needs = Pick<ContainerDependencies, "host" | "logDrivers" | "config" | "runtime"> & {
  registry: ContainerRegistry;
};

/**
 * Everything about a create body that can be said before anything is made.
 * @returns the host config to keep, and warnings. @throws invalid with Docker's texts.
 */
export function validateBody(body: ContainerCreateBody, needs: Needs): { host: HostConfig; warnings: string[] } {
  const asked = body.HostConfig ?? {};
  validateConfig(body, asked);
  validateModes(body, asked);
  boundingSet(
    { add: asked.CapAdd ?? [], drop: asked.CapDrop ?? [], privileged: asked.Privileged === true },
    needs.host.capabilities,
  );
  validateHostLimits(asked);
  const { resources: host, warnings } = validateResources(asked, needs.host, false);
  parseSecurityOptions(host.SecurityOpt ?? []);
  validateUserNamespace(host, needs.config);
  validateOthers(host, needs.registry);
  validateRuntime(host, needs);
  if (/[\0\n]/.test(host.CgroupParent ?? "")) throw invalid(`invalid cgroup parent: ${quote(host.CgroupParent ?? "")}`);
  if (needs.config.cgroupDriver === "systemd" && host.CgroupParent) slicePath(host.CgroupParent);
  if (networkMode(host.NetworkMode).kind === "host" && Object.keys(host.PortBindings ?? {}).length > 0) {
    warnings.push("Published ports are discarded when using host network mode");
  }
  if (host.VolumeDriver && (host.Mounts ?? []).some(hasNoDriver)) {
    warnings.push(
      "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
    );
  }
  const endpoints: ReadonlyArray<EndpointSettings | null> = Object.values(body.NetworkingConfig?.EndpointsConfig ?? {});
  const unknown = new Set(endpoints.flatMap((endpoint) => unknownOptions(endpoint ?? {})));
  warnings.push(...[...unknown].map((name) => `driver option ${quote(name)} of an endpoint has no effect.`));
  return { host, warnings };
}

function hasNoDriver({ Type, VolumeOptions }: Mount): boolean {
  return Type === "volume" && !VolumeOptions?.DriverConfig?.Name;
}

/** Containers whose namespaces or names are to be used must be there. */
function validateOthers(host: HostConfig, registry: ContainerRegistry): void {
  for (const text of [host.IpcMode, host.PidMode]) {
    const mode = namespaceMode(text);
    if (mode.kind === "container" && mode.ref !== "") asInvalid(() => registry.resolve(mode.ref), "");
  }
  for (const link of host.Links ?? []) {
    if (link === "") throw unknown("empty string specified for links");
    const [name = "", , ...more] = link.split(":");
    if (name === "") throw invalid('could not get container for : invalid name or ID supplied: ""');
    if (more.length > 0) throw unknown(`bad format for links: ${link}`);
    asInvalid(() => registry.resolve(name), `could not get container for ${name}: `);
  }
}

/** Docker answers 400 for a container that a create body names. */
export function asInvalid<T>(work: () => T, prefix: string): T {
  try {
    return work();
  } catch (error) {
    throw invalid(`${prefix}${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function validateRuntime(host: HostConfig, needs: Needs): void {
  const runtime = host.Runtime ?? "";
  if (runtime !== "" && runtime !== needs.config.defaultRuntime && !needs.runtime.names.includes(runtime)) {
    throw invalid(`unknown or invalid runtime name: ${runtime}`);
  }
  if (host.StorageOpt !== undefined && Object.keys(host.StorageOpt).length > 0) {
    const other = Object.keys(host.StorageOpt).find((name) => name !== "size");
    throw unknown(
      other === undefined
        ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        : `Unknown option ${other}`,
    );
  }
}

/** The log driver and its options, with the daemon's defaults in. */
export function validateLog(host: HostConfig, needs: Needs): void {
  const name = host.LogConfig?.Type ?? "";
  const driver = needs.logDrivers.get(name);
  if (driver === undefined) throw noLogDriver(name);
  driver.validate(host.LogConfig?.Config ?? {});
}

/** Sources of binds that are not to be made must be there. */
export async function validateSources(mounts: readonly WantedMount[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== "bind" || mount.createSource) continue;
    try {
      await stat(mount.source);
    } catch (error) {
      const why = errnoOf(error) === "ENOENT" ? "bind source path does not exist" : "bind source path cannot be read";
      throw invalid(`invalid mount config for type "bind": ${why}: ${mount.source}`, { cause: error });
    }
  }
}
