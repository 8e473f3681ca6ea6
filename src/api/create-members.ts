import type { EngineError } from "../base/index.ts";
import { invalid } from "../base/index.ts";
import type { ContainerCreateBody } from "./backends/index.ts";
import { notSupportedYet } from "./errors.ts";

/**
 * What berth makes of each member of a container's create body. Nothing that a client asks for is ignored in silence: a member
 * is honoured, or kept for `inspect` because it means nothing here, or its client is warned, or it is refused.
 */
export type Treatment =
  | { readonly kind: "honoured" }
  /** Shown by inspect, of no effect: `why`. */
  | { readonly kind: "recorded"; readonly why: string }
  | { readonly kind: "warned"; readonly text: string }
  /** Refused unless `accepts` says that the value asks for nothing. */
  | { readonly kind: "refused"; readonly refusal: EngineError; accepts(value: unknown): boolean };

const honoured: Treatment = { kind: "honoured" };
const recorded = (why: string): Treatment => ({ kind: "recorded", why });
const warned = (text: string): Treatment => ({ kind: "warned", text });
const refused = (refusal: EngineError, accepts: (value: unknown) => boolean): Treatment => ({
  kind: "refused",
  refusal,
  accepts,
});

const isEmpty = (value: unknown): boolean =>
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.keys(value ?? {}).length === 0);
const byClient = recorded("it is for the client's own use");
const ofImages = recorded("it concerns images that are built from this one");

function allHonoured<const N extends string>(...names: N[]): Record<N, Treatment> {
  return Object.fromEntries(names.map((name) => [name, honoured])) as Record<N, Treatment>; // one entry for each name
}

/** Members of the body itself: the container's portable config. */
export const configMembers: Readonly<Record<string, Treatment>> = {
  ...allHonoured("Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "ExposedPorts"),
  ...allHonoured("Tty", "OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck", "Image", "Volumes", "WorkingDir"),
  ...allHonoured("Entrypoint", "Labels", "StopSignal", "StopTimeout", "Shell", "HostConfig", "NetworkingConfig"),
  // The edge puts these where newer clients put them: the main network's endpoint, and the network mode.
  ...allHonoured("MacAddress", "NetworkDisabled"),
  ArgsEscaped: recorded("it is for Windows"),
  OnBuild: ofImages,
};

/** Members of HostConfig: what ties the container to this host. */
export const hostMembers: Readonly<Record<string, Treatment>> = {
  ...allHonoured("CpuShares", "Memory", "CgroupParent", "BlkioWeight", "BlkioWeightDevice", "BlkioDeviceReadBps"),
  ...allHonoured("BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "CpuPeriod", "CpuQuota"),
  ...allHonoured("CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "Devices"),
  ...allHonoured("DeviceCgroupRules", "DeviceRequests", "MemoryReservation", "MemorySwap", "MemorySwappiness"),
  ...allHonoured("NanoCpus", "OomKillDisable", "PidsLimit", "Ulimits", "CpuPercent", "IOMaximumIOps"),
  ...allHonoured("IOMaximumBandwidth", "Binds", "LogConfig", "NetworkMode", "PortBindings", "RestartPolicy"),
  ...allHonoured("AutoRemove", "VolumeDriver", "VolumesFrom", "Mounts", "ConsoleSize", "Annotations", "CapAdd"),
  ...allHonoured("CapDrop", "CgroupnsMode", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "IpcMode"),
  ...allHonoured("Links", "OomScoreAdj", "PidMode", "Privileged", "PublishAllPorts", "ReadonlyRootfs"),
  ...allHonoured("SecurityOpt", "StorageOpt", "Tmpfs", "UTSMode", "ShmSize", "Sysctls", "Runtime", "Isolation"),
  ...allHonoured("MaskedPaths", "ReadonlyPaths", "Init", "UsernsMode"),
  ContainerIDFile: byClient,
  CpuCount: warned("linux does not support CPU count. CPU count discarded."),
  KernelMemory: warned("Kernel memory limits are not supported any more. Kernel memory limit discarded."),
  KernelMemoryTCP: warned("TCP kernel memory limits are not supported any more. Kernel memory limit discarded."),
  Cgroup: refused(notSupportedYet("joining another container's cgroup"), isEmpty),
};

const told = recorded("the engine says what it is");

/** Members of each network's settings in NetworkingConfig.EndpointsConfig. */
export const endpointMembers: Readonly<Record<string, Treatment>> = {
  ...allHonoured("IPAMConfig", "Links", "Aliases", "MacAddress", "GwPriority", "DriverOpts"),
  NetworkID: told,
  EndpointID: told,
  Gateway: told,
  IPAddress: told,
  IPPrefixLen: told,
  IPv6Gateway: told,
  GlobalIPv6Address: told,
  GlobalIPv6PrefixLen: told,
  DNSNames: told,
};

export interface CreateJudgement {
  readonly warnings: readonly string[];
  readonly refusal: EngineError | undefined;
}

/** What the tables say about a body: texts to warn its client with, or why it is refused. */
export function judgeCreateBody(body: ContainerCreateBody): CreateJudgement {
  const { HostConfig: host, NetworkingConfig: networking, ...config } = body;
  if (Object.keys(config).length === 0) {
    return { warnings: [], refusal: invalid("config cannot be empty in order to create a container") };
  }
  const warnings: string[] = [];
  let refusal = judge(config, configMembers, warnings) ?? judge(host ?? {}, hostMembers, warnings);
  for (const endpoint of Object.values(networking?.EndpointsConfig ?? {})) {
    refusal ??= judge(endpoint, endpointMembers, warnings);
  }
  return { warnings, refusal };
}

function judge(
  members: object,
  table: Readonly<Record<string, Treatment>>,
  warnings: string[],
): EngineError | undefined {
  for (const [name, value] of Object.entries(members)) {
    const treatment = table[name];
    if (treatment?.kind === "warned" && !isEmpty(value)) warnings.push(treatment.text);
    if (treatment?.kind === "refused" && !treatment.accepts(value)) return treatment.refusal;
  }
  return undefined;
}
