import {
  type ApiVersion,
  type BodyTypes,
  type ContainerCreateBody,
  hasSince,
  type HostConfig,
  type Mount,
} from "../../api/index.ts";
import { invalid } from "../../base/index.ts";

export interface AdaptedCreate {
  readonly body: ContainerCreateBody;
  readonly warnings: readonly string[];
}

/**
 * Gives a request of an older client the meaning that it had in that client's version.
 * @throws invalid when the container-wide MAC address contradicts an endpoint's.
 */
export function adaptCreateBody(given: BodyTypes["ContainerCreateBody"], version: ApiVersion): AdaptedCreate {
  const { MacAddress: mac = "", ...rest } = given;
  const body: ContainerCreateBody = { ...rest, HostConfig: adaptHostConfig(rest.HostConfig ?? {}, version) };
  // The older way to ask for no network.
  if (rest.NetworkDisabled === true) {
    body.HostConfig = { ...body.HostConfig, NetworkMode: "none" };
    delete body.NetworkingConfig;
  }
  if (mac === "") return { body, warnings: [] };
  return { body: withMacAddress(body, mac), warnings: hasSince(version, "1.44") ? [MAC_DEPRECATED] : [] };
}

const MAC_DEPRECATED =
  "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";

interface OldLimits {
  KernelMemory?: number;
  KernelMemoryTCP?: number;
}

function adaptHostConfig(given: HostConfig, version: ApiVersion): HostConfig {
  // Limits that no kernel has any more are told of, and forgotten.
  const { KernelMemory: _kernel, KernelMemoryTCP: _tcp, ...host }: HostConfig & OldLimits = given;
  if (host.Isolation?.toLowerCase() === "default") host.Isolation = "default";
  if (host.Mounts) host.Mounts = host.Mounts.map((mount) => withoutEmptyPropagation(mount));
  // In Go this is an array of two.
  if (host.ConsoleSize) host.ConsoleSize = [host.ConsoleSize[0] ?? 0, host.ConsoleSize[1] ?? 0];
  if (!hasSince(version, "1.40") && (host.IpcMode ?? "") === "") host.IpcMode = "shareable";
  if (!hasSince(version, "1.41") && !host.CgroupnsMode) host.CgroupnsMode = "host";
  // Once 0 meant that a limit is not set, and -1 was not there.
  if (!hasSince(version, "1.41") && host.PidsLimit === 0) delete host.PidsLimit;
  return host;
}

/** Clients send an empty propagation for none; the API's document knows no such value, and no answer shows it. */
function withoutEmptyPropagation(mount: Mount): Mount {
  if (mount.BindOptions === undefined || mount.BindOptions.Propagation) return mount;
  const { Propagation: _empty, ...options } = mount.BindOptions;
  return { ...mount, BindOptions: options };
}

/** Before 1.44 a container had one MAC address, that of its main network. */
function withMacAddress(body: ContainerCreateBody, mac: string): ContainerCreateBody {
  const mode = body.HostConfig?.NetworkMode || "default";
  // Neither has an interface.
  if (mode === "none" || mode === "host") return body;
  const endpoints = body.NetworkingConfig?.EndpointsConfig ?? {};
  const network = mode === "default" && Object.hasOwn(endpoints, "bridge") ? "bridge" : mode;
  const endpoint = endpoints[network];
  const before = endpoint?.MacAddress ?? "";
  if (before !== "" && before !== mac) {
    throw invalid(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
    );
  }
  return {
    ...body,
    NetworkingConfig: {
      ...body.NetworkingConfig,
      EndpointsConfig: { ...endpoints, [network]: { ...endpoint, MacAddress: mac } },
    },
  };
}
