import { join } from "node:path";
import type { ContainerConfig, ContainerInspectResponse, ContainerState, HostConfig } from "../../api/index.ts";
import { formatNanos, sha256, hexOf } from "../../base/index.ts";
import type { ShownNetworking } from "../../network/index.ts";
import { appArmorProfile } from "../apparmor.ts";
import { networkMode } from "../create/modes.ts";
import type { ContainerEntry } from "../entry.ts";
import { filesIn } from "../hosts-files.ts";
import { linksOf } from "../links.ts";
import type { ContainerRecord } from "../record.ts";
import { logOf } from "../logging.ts";
import { parseSecurityOptions } from "../security-options.ts";
import { instant, isUp, statusWord } from "../state.ts";
import type { ContainerDependencies } from "../types.ts";
import { sizesOf } from "./list.ts";
import { mountPoints } from "./mount-points.ts";
import { attachedOf, endpointsOf, portMap } from "./networks.ts";

type Needs = Pick<ContainerDependencies, "root" | "networks" | "snapshotter" | "logDrivers" | "host">;

/** `GET /containers/{id}/json` in its full shape. */
export async function inspectContainer(
  entry: ContainerEntry,
  needs: Needs,
  options: { size: boolean },
): Promise<ContainerInspectResponse> {
  const { record } = entry;
  const folder = join(needs.root, record.id);
  const files = filesIn(folder);
  return {
    Id: record.id,
    Created: formatNanos(BigInt(record.createdAt)),
    Path: record.path,
    Args: [...record.args],
    State: stateOf(entry),
    Image: record.image.id,
    ResolvConfPath: files.resolvConf,
    HostnamePath: files.hostname,
    HostsPath: files.hosts,
    LogPath: logPath(() => logOf(record, needs).plan),
    Name: `/${record.name}`,
    RestartCount: entry.state.restartCount,
    Driver: record.driver,
    Platform: record.image.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: shownProfile(entry, needs.host),
    ExecIDs: entry.execIds.size === 0 ? null : [...entry.execIds],
    HostConfig: hostConfigShape(withLinks(record)),
    GraphDriver: needs.snapshotter.has(record.id) ? needs.snapshotter.graphDriver(record.id) : null,
    ...(options.size ? await sizesOf(entry, needs) : {}),
    Mounts: mountPoints(record.mounts),
    Config: { ...configShape(record.config), ...macAddress(record) },
    NetworkSettings: networkSettings(entry, attachedOf(entry, needs.networks), needs),
  };
}

/** The profile asked for, or, once a container was started, the one that it got. */
function shownProfile({ record, state }: ContainerEntry, { apparmor }: Needs["host"]): string {
  const wanted = parseSecurityOptions(record.hostConfig.SecurityOpt ?? []).apparmor;
  if (wanted !== undefined || apparmor === undefined || state.startedAt === "") return wanted ?? "";
  const privileged = record.hostConfig.Privileged === true;
  return appArmorProfile(undefined, privileged, apparmor) ?? (privileged ? "unconfined" : "");
}

/** Options that a start refuses must not make inspect fail. */
function logPath(find: () => { path: string; shown: boolean } | undefined): string {
  try {
    const plan = find();
    return plan?.shown === true ? plan.path : "";
  } catch {
    return "";
  }
}

function stateOf(entry: ContainerEntry): ContainerState {
  const { state, health } = entry;
  const { phase } = state;
  const running = phase.kind === "running";
  return {
    Status: statusWord(state),
    Running: isUp(state),
    Paused: running && phase.paused,
    Restarting: phase.kind === "restarting",
    OOMKilled: state.oomKilled,
    Dead: phase.kind === "dead",
    Pid: running ? phase.pid : 0,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: instant(state.startedAt),
    FinishedAt: instant(state.finishedAt),
    ...(health === undefined
      ? {}
      : { Health: { Status: health.status, FailingStreak: health.failingStreak, Log: [...health.log] } }),
  };
}

/** Docker's defaults of every member, so that none is missing. Null where Docker says null. */
const HOST_SHAPE: Record<string, unknown> = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: {},
  NetworkMode: "",
  PortBindings: null,
  RestartPolicy: {},
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "",
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 0,
  Runtime: "",
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

function hostConfigShape(host: HostConfig): HostConfig {
  // The API's type leaves out that members may be null; Docker sends them so.
  return { ...HOST_SHAPE, ...withoutNulls(host) };
}

const CONFIG_SHAPE: Record<string, unknown> = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
};

function configShape(config: ContainerConfig): ContainerConfig {
  const { Cmd, Entrypoint, ...rest } = withoutNulls(config);
  return {
    ...CONFIG_SHAPE,
    ...rest,
    Cmd: Cmd?.length ? Cmd : null,
    Entrypoint: Entrypoint?.length ? Entrypoint : null,
  } as ContainerConfig; // as above
}

/** With links as Docker keeps them: by the paths of both names, and only on the default bridge. */
function withLinks(record: ContainerRecord): HostConfig {
  const { Links: _texts, ...host } = record.hostConfig;
  const shown = linksOf(record).map(({ target, alias }) => `/${target}:/${record.name}/${alias}`);
  return shown.length === 0 ? host : { ...host, Links: shown };
}

/** The address that was asked for on the main network, where clients looked for it before 1.44. */
function macAddress({ hostConfig, endpoints }: ContainerRecord): { MacAddress?: string } {
  const mode = networkMode(hostConfig.NetworkMode);
  const asked = mode.kind === "network" ? endpoints[mode.name]?.MacAddress : undefined;
  return asked ? { MacAddress: asked } : {};
}

function withoutNulls<T extends object>(value: T): T {
  const there = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(there) as T; // what is left out is optional
}

/** With the deprecated members of the default bridge, which clients below 1.52 read. */
function networkSettings(entry: ContainerEntry, attached: ShownNetworking | undefined, needs: Needs) {
  const networks = endpointsOf(entry, attached, needs.networks);
  const { bridge } = networks;
  const shares = networkMode(entry.record.hostConfig.NetworkMode).kind === "container";
  const running = entry.state.phase.kind === "running";
  return {
    Bridge: "",
    SandboxID: running && !shares ? hexOf(sha256(`sandbox ${entry.id} ${entry.state.startedAt}`)) : "",
    SandboxKey: attached?.sandboxKey ?? "",
    Ports: portMap(entry, attached),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
    Networks: networks,
  };
}
